# SPDX-License-Identifier: Apache-2.0
# One function per kind of target, so that every layer is built with the same rules.

add_library(bnas_options INTERFACE)
target_compile_features(bnas_options INTERFACE cxx_std_20)
target_compile_options(bnas_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  # Contraction would let the compiler fuse a*b+c where it likes; results must not depend on it.
  -ffp-contract=off
  $<$<BOOL:${BNAS_WERROR}>:-Werror>>)
if(BNAS_SANITIZE)
  target_compile_options(bnas_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
    -fsanitize=${BNAS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    # GCC warns of uninitialized members in its own headers once the sanitizers have rewritten them.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>>)
  target_link_options(bnas_options INTERFACE -fsanitize=${BNAS_SANITIZE})
endif()

# bnas_library(bnas_NAME [PUBLIC libs...] [PRIVATE libs...]): all of src/**.cpp, public headers under include/; also
# known as bnas::NAME.
function(bnas_library name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp)
  add_library(${name} STATIC ${sources})
  string(REPLACE bnas_ bnas:: alias ${name})
  add_library(${alias} ALIAS ${name})
  target_include_directories(${name} PUBLIC include PRIVATE src)
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE bnas_options ${ARG_PRIVATE})
  target_compile_features(${name} PUBLIC cxx_std_20)
endfunction()

# bnas_program(NAME SOURCES ... LIBS ...): an executable in bin/.
function(bnas_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE bnas_options ${ARG_LIBS})
endfunction()

# bnas_device_test(NAME DIRS ... LIBS ... [LABEL label]): as bnas_test with *_test.cu and *_case.cpp; runs where
# BNAS_CUDA_TEST_ENVIRONMENT says: on the emulator, or on the GPU.
function(bnas_device_test name)
  bnas_test(${name} ${ARGN} ON_DEVICE)
endfunction()

# bnas_test(NAME DIRS ... LIBS ... [LABEL label]): one GoogleTest program of all *_test.cpp and *_case.cpp in DIRS.
function(bnas_test name)
  cmake_parse_arguments(ARG "ON_DEVICE" "LABEL" "DIRS;LIBS" ${ARGN})
  set(sources "")
  foreach(dir ${ARG_DIRS})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*_test.cpp ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*_case.cpp)
    list(APPEND sources ${found})
    if(ARG_ON_DEVICE)
      file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*_test.cu)
      list(APPEND sources ${found})
    endif()
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE bnas_options ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  if(ARG_ON_DEVICE AND BNAS_CUDA_TEST_ENVIRONMENT)
    # Also while tests are discovered: cases are listed per device.
    set_target_properties(${name} PROPERTIES CROSSCOMPILING_EMULATOR "env;${BNAS_CUDA_TEST_ENVIRONMENT}")
    add_dependencies(${name} bnas_emulator)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT 600)
endfunction()
