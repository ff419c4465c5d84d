# SPDX-License-Identifier: Apache-2.0
#
# Makes lit::pch: lit::lit and <lit/lit.hpp> precompiled, LibTorch's headers and the trainer within it. Nothing is precompiled
# until a program asks for it. Used by lit's own build and by the installed package alike.
#
#   target_link_libraries(train PRIVATE lit::pch)           # precompiled with the flags of `train`
#   target_link_libraries(evaluate PRIVATE lit::lit)
#   target_precompile_headers(evaluate REUSE_FROM train)    # shares it, given the same flags
#
# A precompiled header fits only the flags that it was made with (optimisation, sanitizers, position independence, language), and
# CMake knows those of a target only when everything has been configured. So it belongs to a program, not to lit: made here once
# for all, it would be refused (clang) or passed over (g++) wherever flags come later or from another library. Sharing is CMake's
# own REUSE_FROM, written by who knows that the flags are the same; the header costs half a minute and some hundred megabytes.

if(NOT TARGET lit::pch)
    add_library(lit::pch INTERFACE IMPORTED GLOBAL)
    target_link_libraries(lit::pch INTERFACE lit::lit)
    target_precompile_headers(lit::pch INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:<lit/lit.hpp$<ANGLE-R>>")
    # g++ would walk through all of the precompiled header whenever it collects garbage: a seventh of a unit's time.
    target_compile_options(lit::pch INTERFACE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:--param=ggc-min-heapsize=2097152>")
endif()
