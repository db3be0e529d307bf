# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts into a prefix: headers, the kernel library, and how CMake and pkg-config find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bnas)

set(headers bnas/portable bnas/version.h)
set_target_properties(bnas_portable PROPERTIES EXPORT_NAME portable)
install(TARGETS bnas_portable EXPORT bnas-portable INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT bnas-portable NAMESPACE bnas:: DESTINATION ${package_dir} COMPONENT bnas)
if(BNAS_HAS_CUDA)
  list(APPEND headers bnas/cuda bnas/c bnas/kernels.h)
  set_target_properties(bnas_kernels PROPERTIES EXPORT_NAME kernels)
  install(TARGETS bnas_kernels EXPORT bnas-kernels COMPONENT bnas
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT bnas
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT bnas-kernels NAMESPACE bnas:: DESTINATION ${package_dir} COMPONENT bnas)

  # pkg-config names the libraries of the CUDA toolkit one by one.
  file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  get_target_property(libraries bnas_kernels LINK_LIBRARIES)
  list(FILTER libraries INCLUDE REGEX "^CUDA::")
  list(TRANSFORM libraries REPLACE "^CUDA::" "-l")
  list(JOIN libraries " " libraries)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/bnas-kernels.pc.in ${CMAKE_CURRENT_BINARY_DIR}/bnas-kernels.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bnas-kernels.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT bnas)
endif()
foreach(header ${headers})
  get_filename_component(folder ${header} DIRECTORY)
  if(IS_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/${header})
    install(DIRECTORY include/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder} COMPONENT bnas)
  else()
    install(FILES include/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder} COMPONENT bnas)
  endif()
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/bnas-config.cmake.in bnas-config.cmake
                              INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(bnas-config-version.cmake VERSION ${BNAS_VERSION_TEXT} COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/BnasCudnn.cmake DESTINATION ${package_dir} COMPONENT bnas)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bnas-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/bnas-config-version.cmake
        DESTINATION ${package_dir} COMPONENT bnas)
