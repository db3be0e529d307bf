/* SPDX-License-Identifier: Apache-2.0 */
/* The one place of the version; CMake, pkg-config and the programs read it here. Plain C. */
#ifndef BNAS_VERSION_H
#define BNAS_VERSION_H

#define BNAS_VERSION_MAJOR 0
#define BNAS_VERSION_MINOR 1
#define BNAS_VERSION_PATCH 0

/** Orders versions: 1.2.3 is 10203. */
#define BNAS_VERSION (BNAS_VERSION_MAJOR * 10000 + BNAS_VERSION_MINOR * 100 + BNAS_VERSION_PATCH)

#endif
