# SPDX-License-Identifier: Apache-2.0
#
# What only lit's own tests, examples and benchmarks use: warnings, ccache, a fast linker, one precompiled header.

option(LIT_WERROR "Turn warnings into errors in lit's own programs" ON)
option(LIT_PCH "Precompile LibTorch's headers for lit's own programs" ON)
option(LIT_USE_COMPILED "Link lit's own programs with lit::compiled" ON)

add_library(lit_warnings INTERFACE)
target_compile_options(lit_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wnon-virtual-dtor -Woverloaded-virtual
    -Wno-unused-parameter -Wno-missing-field-initializers  # designated initializers leave the defaults to the aggregate
    $<$<BOOL:${LIT_WERROR}>:-Werror>)

find_program(LIT_CCACHE ccache)
if(LIT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Without this sloppiness ccache refuses every file that uses a precompiled header.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${LIT_CCACHE}")
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-fpch-preprocess)
    endif()
endif()

foreach(linker IN ITEMS mold lld)
    find_program(LIT_LINKER_${linker} NAMES ld.${linker})
    if(LIT_LINKER_${linker})
        add_link_options(-fuse-ld=${linker})
        if(linker STREQUAL "mold")
            # Without it mold 1.10 starts the read-only part of a program at its .tbss, which lies right behind the code:
            # where only that one byte of LibTorch's fell on the code's last page, the program did not start ("cannot apply
            # additional memory protection after relocation").
            add_link_options(-Wl,-z,separate-loadable-segments)
        endif()
        break()
    endif()
endforeach()

# Two precompiled headers for each set of flags, hence for each build folder: of LibTorch's headers, with nothing of lit; and of
# the trainer, for programs that assemble one.
if(LIT_PCH)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(--param=ggc-min-heapsize=2097152)  # see LitPrecompile.cmake
    endif()
    foreach(name IN ITEMS pch pch_trainer)
        file(WRITE "${CMAKE_BINARY_DIR}/pch/${name}.cpp" "// Nothing: the precompiled header is the point.\n")
        add_library(lit_${name} OBJECT "${CMAKE_BINARY_DIR}/pch/${name}.cpp")
        target_link_libraries(lit_${name} PRIVATE lit::lit lit_warnings)
        target_precompile_headers(lit_${name} PRIVATE "${CMAKE_CURRENT_LIST_DIR}/${name}.hpp")
        if(LIT_USE_COMPILED)
            target_compile_definitions(lit_${name} PRIVATE LIT_COMPILED)
        endif()
    endforeach()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/LitCompiled.cmake")  # here, so that the library gets the options above
target_link_libraries(lit_compiled PRIVATE lit_warnings)
if(LIT_PCH AND LIT_USE_COMPILED)
    set_target_properties(lit_compiled PROPERTIES POSITION_INDEPENDENT_CODE "${CMAKE_POSITION_INDEPENDENT_CODE}")  # as lit_pch
    target_precompile_headers(lit_compiled REUSE_FROM lit_pch)
endif()

# lit_program(<target> [TRAINER] <sources>...): an executable with lit, compiled or not, the warnings and a precompiled header.
function(lit_program target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "TRAINER" "" "")
    add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${target} PRIVATE $<IF:$<BOOL:${LIT_USE_COMPILED}>,lit::compiled,lit::lit> lit_warnings)
    if(LIT_PCH AND arg_TRAINER)
        target_precompile_headers(${target} REUSE_FROM lit_pch_trainer)
    elseif(LIT_PCH)
        target_precompile_headers(${target} REUSE_FROM lit_pch)
    endif()
endfunction()

# lit_add_test(NAME <name> [TARGETS <target>...] COMMAND <command>...): a test, and what has to be built for it.
# scripts/test reads the file `test_targets` to build no more than a filter asks for.
function(lit_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT;PROCESSORS;FOLDER" "TARGETS;COMMAND;ENVIRONMENT")
    if(NOT arg_FOLDER)
        set(arg_FOLDER "${CMAKE_CURRENT_BINARY_DIR}")
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 600)
    endif()
    if(NOT arg_PROCESSORS)
        set(arg_PROCESSORS 1)
    endif()
    add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${arg_FOLDER}")
    set_tests_properties(${arg_NAME} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${arg_TIMEOUT}
                         PROCESSORS ${arg_PROCESSORS} ENVIRONMENT "TORCH_CPP_LOG_LEVEL=ERROR;KINETO_LOG_LEVEL=5;${arg_ENVIRONMENT}")
    set_property(GLOBAL APPEND_STRING PROPERTY LIT_TEST_TARGETS "${arg_NAME} ${arg_TARGETS}\n")
endfunction()
