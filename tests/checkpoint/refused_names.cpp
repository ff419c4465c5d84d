// SPDX-License-Identifier: Apache-2.0
#include <lit/checkpoint/refused_names.hpp>

#include "support/doctest.hpp"

using lit::detail::is_refused_name;

TEST_SUITE("checkpoint/refused_names") {
    TEST_CASE("a name that runs code is refused, wherever below its module it stands") {
        for (const char* name :
             {"os.system", "os.path.join", "posix.execv", "subprocess.Popen", "builtins.eval",
              "builtins.__import__", "torch.hub.load", "torch.load", "torch.utils.cpp_extension.load",
              "pickle.loads", "threading.Thread", "numpy.f2py.capi_maps.load_f2cmap_file"}) {
            CAPTURE(name);
            CHECK(is_refused_name(name));
        }
    }

    TEST_CASE("a name that only begins alike, or is the module itself, is not") {
        for (const char* name :
             {"os", "osprey.Model", "builtins.set", "builtins.evaluate", "torch.hubble.X",
              "torch._utils._rebuild_tensor_v2", "collections.OrderedDict", "pathlib.PosixPath",
              "threading.Lock", "my_project.os.Settings", "io.BytesIO", ""}) {
            CAPTURE(name);
            CHECK_FALSE(is_refused_name(name));
        }
    }
}
