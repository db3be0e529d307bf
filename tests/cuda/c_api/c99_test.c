/* SPDX-License-Identifier: Apache-2.0 */
/* The header read by a C99 compiler with -pedantic, and what needs no device. */
#include <bnas/kernels.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void expect(int good, const char* what) {
  if (!good) {
    fprintf(stderr, "failed: %s\n", what);
    ++failures;
  }
}

int main(void) {
  char text[64];
  char cut[8];
  bnas_status_t status = {BNAS_UNSUPPORTED, 0, "pack: no such thing"};
  const char* whole = "pack: no such thing: unsupported";

  expect(bnas_abi_version() == BNAS_ABI_VERSION, "the library's interface is that of the header");
  expect(bnas_version() == BNAS_VERSION, "the library's version is that of the header");
  expect(BNAS_VERSION == BNAS_VERSION_MAJOR * 10000 + BNAS_VERSION_MINOR * 100 + BNAS_VERSION_PATCH, "one number");

  expect(bnas_status_string(status, text, sizeof text) == strlen(whole), "the length of the whole text is returned");
  expect(strcmp(text, whole) == 0, "the text says operation, what, and the kind");
  expect(bnas_status_string(status, cut, sizeof cut) == strlen(whole), "also where it is cut");
  expect(strcmp(cut, "pack: n") == 0, "a text that does not fit is cut and terminated");
  status.message = NULL;
  expect(bnas_status_string(status, text, sizeof text) > 0, "a status without a message has a text");

  expect(
      bnas_dot_bytes(127) == 1 && bnas_dot_bytes(128) == 2 && bnas_dot_bytes(32767) == 2 && bnas_dot_bytes(32768) == 4,
      "dot products take the narrowest type");
  expect(bnas_fill(NULL, 1, 0.0F, NULL).code == BNAS_INVALID_ARGUMENT, "null is refused before a launch");
  expect(bnas_binary_conv2d_info(NULL, NULL).code == BNAS_INVALID_ARGUMENT, "so are null dims");
  return failures == 0 ? 0 : 1;
}
