/* SPDX-License-Identifier: Apache-2.0 */
#error "plain C++ includes a header of CUDA"
