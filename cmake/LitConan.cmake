# SPDX-License-Identifier: Apache-2.0
# Under Conan the target lit::lit is made by Conan, and LibTorch is the machine's own.
include("${CMAKE_CURRENT_LIST_DIR}/LitTorch.cmake")
target_link_libraries(lit::lit INTERFACE lit::torch)
include("${CMAKE_CURRENT_LIST_DIR}/LitPrecompile.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/LitCompiled.cmake")
