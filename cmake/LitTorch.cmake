# SPDX-License-Identifier: Apache-2.0
#
# Makes lit::torch, an imported target for LibTorch that links torch_cpu and c10, and CUDA only where it is wanted.
# Used by lit's own build and by the installed package alike.
#
#   LIT_TORCH_ROOT         folder that holds include/ and lib/ of LibTorch (variable or environment)
#   Torch_DIR              its share/cmake/Torch (variable or environment)
#   CMAKE_PREFIX_PATH      torch.utils.cmake_prefix_path, or the root (variable or environment)
#   otherwise              .deps/torch, which scripts/setup fills, or the LibTorch that lit was installed with
#   LIT_CUDA               AUTO (on where torch_cuda and a CUDA 13 toolkit are), ON, OFF
#   LIT_ALLOW_OTHER_TORCH  take a LibTorch that lit was not tested with
#   LIT_USE_TORCH_CONFIG   take LibTorch's own find_package(Torch) in place of all this

set(LIT_TORCH_TESTED "2.11.0")
set(LIT_CUDA "AUTO" CACHE STRING "Link LibTorch's CUDA part: AUTO, ON or OFF")
set_property(CACHE LIT_CUDA PROPERTY STRINGS AUTO ON OFF)
option(LIT_ALLOW_OTHER_TORCH "Take a version of LibTorch that lit was not tested with" OFF)
option(LIT_USE_TORCH_CONFIG "Use LibTorch's own CMake package" OFF)

function(_lit_is_torch_root result folder)
    set(${result} FALSE PARENT_SCOPE)
    if(EXISTS "${folder}/include/torch/csrc/api/include/torch/types.h" AND EXISTS "${folder}/lib/libtorch_cpu.so")
        set(${result} TRUE PARENT_SCOPE)
    endif()
endfunction()

# What the user names wins over what scripts/setup made; a name that leads nowhere is an error, not a detour.
function(_lit_find_torch_root result)
    foreach(given IN ITEMS "${LIT_TORCH_ROOT}" "$ENV{LIT_TORCH_ROOT}")
        if(given)
            get_filename_component(given "${given}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")
            _lit_is_torch_root(found "${given}")
            if(NOT found)
                message(FATAL_ERROR "lit: LIT_TORCH_ROOT is ${given}, which holds no LibTorch "
                                    "(include/torch/csrc/api/include/torch/types.h and lib/libtorch_cpu.so).")
            endif()
            set(${result} "${given}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
    foreach(given IN ITEMS "${Torch_DIR}" "$ENV{Torch_DIR}")
        if(given)
            get_filename_component(root "${given}/../../.." ABSOLUTE)
            _lit_is_torch_root(found "${root}")
            if(NOT found)
                message(FATAL_ERROR "lit: Torch_DIR is ${given}, which is not share/cmake/Torch of a LibTorch.")
            endif()
            set(${result} "${root}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
    string(REPLACE ":" ";" environment "$ENV{CMAKE_PREFIX_PATH}")
    foreach(prefix IN LISTS CMAKE_PREFIX_PATH environment)
        foreach(root IN ITEMS "${prefix}" "${prefix}/../.." "${prefix}/libtorch")
            get_filename_component(root "${root}" ABSOLUTE)
            _lit_is_torch_root(found "${root}")
            if(found)
                set(${result} "${root}" PARENT_SCOPE)
                return()
            endif()
        endforeach()
    endforeach()
    foreach(root IN ITEMS "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../.deps/torch" "${LIT_TORCH_ROOT_AT_INSTALL}")
        _lit_is_torch_root(found "${root}")
        if(found)
            get_filename_component(root "${root}" ABSOLUTE)
            set(${result} "${root}" PARENT_SCOPE)
            return()
        endif()
    endforeach()
    message(FATAL_ERROR "lit: no LibTorch found. Run scripts/setup in lit's folder, or name one with "
                        "-DLIT_TORCH_ROOT=<folder with include/ and lib/>, Torch_DIR or CMAKE_PREFIX_PATH.")
endfunction()

function(_lit_torch_version result include_dir)
    set(version "")
    foreach(header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
        if(EXISTS "${include_dir}/${header}")
            file(STRINGS "${include_dir}/${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
            string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
            list(LENGTH numbers count)
            if(count EQUAL 3)
                list(JOIN numbers "." version)
                break()
            endif()
        endif()
    endforeach()
    set(${result} "${version}" PARENT_SCOPE)
endfunction()

function(_lit_check_torch_version version where)
    if(NOT version IN_LIST LIT_TORCH_TESTED AND NOT LIT_ALLOW_OTHER_TORCH)
        message(FATAL_ERROR "lit: found LibTorch ${version} in ${where}, but lit is tested with ${LIT_TORCH_TESTED} only. "
                            "Run scripts/setup for that one, or pass -DLIT_ALLOW_OTHER_TORCH=ON to try this one.")
    endif()
endfunction()

if(NOT TARGET lit::torch)
    add_library(lit::torch INTERFACE IMPORTED GLOBAL)
    set_property(TARGET lit::torch PROPERTY INTERFACE_COMPILE_FEATURES cxx_std_20)
    set(LIT_CUDA_ENABLED OFF)

    if(LIT_USE_TORCH_CONFIG)
        find_package(Torch REQUIRED)
        _lit_check_torch_version("${Torch_VERSION}" "${Torch_DIR}")
        separate_arguments(_lit_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
        set_property(TARGET lit::torch PROPERTY INTERFACE_COMPILE_OPTIONS ${_lit_torch_flags})
        set_property(TARGET lit::torch PROPERTY INTERFACE_INCLUDE_DIRECTORIES ${TORCH_INCLUDE_DIRS})
        set_property(TARGET lit::torch PROPERTY INTERFACE_LINK_LIBRARIES ${TORCH_LIBRARIES})
        set(LIT_TORCH_VERSION "${Torch_VERSION}")
        set(LIT_TORCH_FOUND_ROOT "${TORCH_INSTALL_PREFIX}")
    else()
        _lit_find_torch_root(LIT_TORCH_FOUND_ROOT)
        set(_lit_include "${LIT_TORCH_FOUND_ROOT}/include")
        set(_lit_lib "${LIT_TORCH_FOUND_ROOT}/lib")
        _lit_torch_version(LIT_TORCH_VERSION "${_lit_include}")
        _lit_check_torch_version("${LIT_TORCH_VERSION}" "${LIT_TORCH_FOUND_ROOT}")

        set_property(TARGET lit::torch PROPERTY INTERFACE_INCLUDE_DIRECTORIES
                     "${_lit_include}" "${_lit_include}/torch/csrc/api/include")
        # Without USE_C10D_GLOO the whole of ProcessGroupGloo.hpp is switched off.
        set(_lit_definitions USE_C10D_GLOO)
        # Linkers on Debian get --as-needed from g++, which drops a library of registrations that nothing names.
        set(_lit_libraries "-Wl,--push-state,--no-as-needed,${_lit_lib}/libtorch_cpu.so,--pop-state"
                           "${_lit_lib}/libc10.so")
        set(_lit_options "LINKER:--allow-shlib-undefined" "LINKER:-rpath,${_lit_lib}")

        if(LIT_CUDA STREQUAL "AUTO")
            if(EXISTS "${_lit_lib}/libtorch_cuda.so")
                find_package(CUDAToolkit 13 QUIET)
                set(LIT_CUDA_ENABLED ${CUDAToolkit_FOUND})
            endif()
        elseif(LIT_CUDA)
            if(NOT EXISTS "${_lit_lib}/libtorch_cuda.so")
                message(FATAL_ERROR "lit: LIT_CUDA is ON, but ${_lit_lib} has no libtorch_cuda.so. Name a complete "
                                    "LibTorch with LIT_TORCH_ROOT (scripts/setup python brings one).")
            endif()
            find_package(CUDAToolkit 13 REQUIRED)
            set(LIT_CUDA_ENABLED ON)
        endif()
        if(LIT_CUDA_ENABLED)
            list(APPEND _lit_definitions USE_C10D_NCCL)
            list(APPEND _lit_libraries "-Wl,--push-state,--no-as-needed,${_lit_lib}/libtorch_cuda.so,--pop-state"
                 "${_lit_lib}/libc10_cuda.so" CUDA::cudart)
        endif()
        set_property(TARGET lit::torch PROPERTY INTERFACE_COMPILE_DEFINITIONS ${_lit_definitions})
        set_property(TARGET lit::torch PROPERTY INTERFACE_LINK_LIBRARIES ${_lit_libraries})
        set_property(TARGET lit::torch PROPERTY INTERFACE_LINK_OPTIONS ${_lit_options})
    endif()

    # LibTorch's package lacks Gloo's headers. These come last in the search, so that real ones win.
    set_property(TARGET lit::torch APPEND PROPERTY INTERFACE_COMPILE_OPTIONS "-idirafter${CMAKE_CURRENT_LIST_DIR}/stubs")
    message(STATUS "lit: LibTorch ${LIT_TORCH_VERSION} in ${LIT_TORCH_FOUND_ROOT}, CUDA ${LIT_CUDA_ENABLED}")
endif()
