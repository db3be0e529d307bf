# SPDX-License-Identifier: Apache-2.0
# What must compile alone, and what must not compile at all.

# bnas_header_test(TARGET FOLDER): compiles each public header of a layer, those in include/FOLDER, in a translation
# unit of its own, twice included, with nothing but what users of that layer see. A failure is a failed build.
function(bnas_header_test target folder)
  get_target_property(layer_dir ${target} SOURCE_DIR)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${layer_dir}/include ${layer_dir}/include/${folder}/*.hpp)
  set(units "")
  foreach(header ${headers})
    string(MAKE_C_IDENTIFIER ${header} stem)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/headers/${target}/${stem}.cpp)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
    list(APPEND units ${unit})
  endforeach()
  add_library(${target}_headers OBJECT ${units})
  target_link_libraries(${target}_headers PRIVATE bnas_options ${target})
  target_compile_options(${target}_headers PRIVATE -O0)
endfunction()

# bnas_compile_test(NAME SOURCE file LAYER target [DEFINES NAME=VALUE...] [MUST_FAIL]): a test that runs the compiler
# over `file` with the include roots of `target` and no others. Every MUST_FAIL needs a twin of the same file that
# compiles, so that it fails for the reason meant.
function(bnas_compile_test name)
  cmake_parse_arguments(ARG "MUST_FAIL" "SOURCE;LAYER" "DEFINES" ${ARGN})
  list(TRANSFORM ARG_DEFINES PREPEND -D)
  set(roots $<TARGET_PROPERTY:${ARG_LAYER},INTERFACE_INCLUDE_DIRECTORIES>)
  add_test(NAME ${name} COMMAND_EXPAND_LISTS
           COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only ${ARG_DEFINES} "-I$<JOIN:${roots},;-I>"
                   ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE})
  set_tests_properties(${name} PROPERTIES LABELS compile WILL_FAIL ${ARG_MUST_FAIL})
endfunction()
