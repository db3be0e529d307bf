# SPDX-License-Identifier: Apache-2.0
# BNAS_VERSION_TEXT, as bnas/version.h says it.
set(numbers "")
foreach(part MAJOR MINOR PATCH)
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../include/bnas/version.h line REGEX "#define BNAS_VERSION_${part} ")
  string(REGEX MATCH "[0-9]+$" number "${line}")
  list(APPEND numbers ${number})
endforeach()
list(JOIN numbers . BNAS_VERSION_TEXT)
