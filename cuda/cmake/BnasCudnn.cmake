# SPDX-License-Identifier: Apache-2.0
# cuDNN as the target CUDA::cudnn, where it is installed; CMake's own module for the CUDA toolkit does not know it.
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
mark_as_advanced(CUDNN_INCLUDE_DIR CUDNN_LIBRARY)
if(CUDNN_INCLUDE_DIR AND CUDNN_LIBRARY AND NOT TARGET CUDA::cudnn)
  add_library(CUDA::cudnn UNKNOWN IMPORTED GLOBAL)
  set_target_properties(CUDA::cudnn PROPERTIES IMPORTED_LOCATION ${CUDNN_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${CUDNN_INCLUDE_DIR})
endif()
