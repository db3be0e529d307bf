# SPDX-License-Identifier: Apache-2.0
# CUDA where nvcc is found, and how every kernel is compiled. Without nvcc BNAS_HAS_CUDA is off and the CUDA targets are
# absent; everything else builds.

set(BNAS_CUDA AUTO CACHE STRING "Build the CUDA kernels and backend: AUTO (where nvcc is found), ON or OFF")
set_property(CACHE BNAS_CUDA PROPERTY STRINGS AUTO ON OFF)
set(BNAS_HAS_CUDA OFF)
if(NOT BNAS_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    # Machine code and PTX of each: never just-in-time compilation from an older generation, whose 1-bit tensor
    # instructions newer ones only emulate.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 75 80 90 100 120 CACHE STRING "CUDA architectures")
    endif()
    # Shared, so that the same binaries run on the GPU and, in the tests, on the emulator.
    set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
    enable_language(CUDA)
    find_package(CUDAToolkit 12.0 REQUIRED)
    set(BNAS_HAS_CUDA ON)
  elseif(BNAS_CUDA STREQUAL "ON")
    message(FATAL_ERROR "BNAS_CUDA=ON, but no nvcc was found: install the CUDA toolkit, put nvcc on PATH, or set BNAS_CUDA=OFF")
  endif()
endif()
if(BNAS_HAS_CUDA)
  message(STATUS "CUDA ${CUDAToolkit_VERSION}: kernels for sm_${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA: absent (no nvcc, or BNAS_CUDA=OFF); only the CPU backend is built")
endif()

add_library(bnas_cuda_options INTERFACE)
target_compile_options(bnas_cuda_options INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:
  # As -ffp-contract=off on the host: a fused multiply-add is written where it is meant, so that devices agree.
  --fmad=false
  # Profilers and checkers name source lines; PTX in plain text is what the emulator reads.
  -lineinfo --no-compress
  -std=c++20  # by name, since CMake 3.25 does not know the dialects of nvcc 13
  --extended-lambda
  -Xcompiler=-Wall,-Wextra,-Wshadow
  $<$<BOOL:${BNAS_WERROR}>:--Werror=all-warnings>>)
