# SPDX-License-Identifier: Apache-2.0
"""Conan 2 recipe. LibTorch is not in Conan Center: it is found on the machine, as cmake/LitTorch.cmake says."""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load


class LitConan(ConanFile):
    name = "lit"
    license = "Apache-2.0"
    description = "PyTorch Lightning's way of training as a header-only C++20 library on LibTorch"
    topics = ("deep-learning", "training", "libtorch", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"torch": ["system", "none"]}
    default_options = {"torch": "system"}
    exports_sources = "include/*", "cmake/Lit*.cmake", "cmake/compiled.cpp", "cmake/stubs/*", "CMakeLists.txt", "LICENSE"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "CMakeLists.txt"))
        self.version = text.split("project(lit VERSION ", 1)[1].split()[0]

    def requirements(self):
        # No `requires` of LibTorch: none that would be right for every machine.
        self.requires("boost/[>=1.74]", options={"header_only": True})
        self.requires("range-v3/0.12.0")
        self.requires("zlib/[>=1.2.11 <2]")

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("lit: Linux is the only system that lit supports at present")

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        for pattern in ("LitTorch.cmake", "LitPrecompile.cmake", "LitCompiled.cmake", "compiled.cpp", "LitConan.cmake",
                        "stubs/*"):
            copy(self, pattern, os.path.join(self.source_folder, "cmake"), os.path.join(self.package_folder, "cmake"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "lit")
        self.cpp_info.set_property("cmake_target_name", "lit::lit")
        self.cpp_info.set_property("pkg_config_name", "lit")
        self.cpp_info.requires = ["boost::headers", "range-v3::range-v3", "zlib::zlib"]
        self.cpp_info.system_libs = ["pthread", "dl"]
        if self.options.torch == "system":
            # Runs with find_package(lit): makes lit::torch, or ends with one sentence that says how to name a LibTorch.
            self.cpp_info.set_property("cmake_build_modules", [os.path.join("cmake", "LitConan.cmake")])
            self.cpp_info.builddirs = ["cmake"]
