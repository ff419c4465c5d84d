# SPDX-License-Identifier: Apache-2.0
#
# Makes lit::compiled: lit::lit, with what is no template compiled once instead of in every unit. A program links the one or the
# other; nothing but the time that its units take to compile depends on it.
#
#   target_link_libraries(train PRIVATE lit::compiled)             # instead of lit::lit
#   target_link_libraries(train PRIVATE lit::compiled lit::pch)    # and with lit's headers precompiled
#
# The library is built in the user's own build, and only if something links it. Its flags are those that are set where lit is
# found (CMAKE_CXX_FLAGS, add_compile_options() before find_package(lit)). Flags of a single program that change what the standard
# library's types look like, as _GLIBCXX_DEBUG and -fsanitize=address do, have to be set there, or on lit_compiled too. A library that
# is installed with install(EXPORT) links lit::lit: lit_compiled belongs to one build.
# Used by lit's own build and by the installed package alike.

if(NOT TARGET lit::compiled)
    add_library(lit_compiled STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/compiled.cpp")
    add_library(lit::compiled ALIAS lit_compiled)
    target_link_libraries(lit_compiled PUBLIC lit::lit)
    target_compile_features(lit_compiled PUBLIC cxx_std_20)
    target_compile_definitions(lit_compiled PUBLIC LIT_COMPILED)
    set_target_properties(lit_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)  # it may end up in a shared library
endif()
