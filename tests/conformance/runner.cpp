// SPDX-License-Identifier: Apache-2.0
// conformance DIR: runs every DIR/NAME.scenario.json with lit::Trainer and writes what was observed to
// DIR/NAME.lit.json, in the form of SCENARIO.md. Everything goes through the public interface: an ordinary module, an
// ordinary recording callback, an ordinary logger. What a scenario chooses at run time is an std::optional or an
// std::variant; automatic and manual optimization are two modules; data are given, the module's, or a data module's.
#include "run.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using conformance::Json;

Json run(const Json& scenario, const fs::path& root) {
    const std::string loaders = scenario.value("loaders", "given");
    if (scenario.contains("defaults")) {
        return conformance::run_defaults(scenario, root);
    }
    if (!scenario.value("module", Json::object()).value("automatic_optimization", true)) {
        if (loaders == "datamodule" && scenario["data"].value("transfer", false)) {
            return conformance::run_manual_transferring(scenario, root);
        }
        return loaders == "datamodule" ? conformance::run_manual_data_module(scenario, root)
               : loaders == "module"   ? conformance::run_manual_own_loaders(scenario, root)
                                       : conformance::run_manual(scenario, root);
    }
    if (loaders == "datamodule") {
        return scenario["data"].value("transfer", false) ? conformance::run_transferring(scenario, root)
                                                         : conformance::run_data_module(scenario, root);
    }
    return loaders == "module" ? conformance::run_own_loaders(scenario, root)
                               : conformance::run_automatic(scenario, root);
}

fs::path temporary_folder() {
    std::string pattern = (fs::temp_directory_path() / "lit-conformance-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a folder in " + fs::temp_directory_path().string());
    }
    return pattern;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || !fs::is_directory(argv[1])) {
        std::fprintf(stderr, "usage: conformance DIR   (a folder of NAME.scenario.json)\n");
        return 2;
    }
    at::set_num_threads(1);
    std::vector<fs::path> scenarios;
    for (const auto& entry : fs::directory_iterator(argv[1])) {
        if (entry.path().string().ends_with(".scenario.json")) {
            scenarios.push_back(entry.path());
        }
    }
    std::ranges::sort(scenarios);
    for (const fs::path& path : scenarios) {
        const Json scenario = Json::parse(std::ifstream(path));
        const fs::path root = temporary_folder();
        const Json trace = run(scenario, root);
        fs::remove_all(root);
        std::string target = path.string();
        target.replace(target.size() - std::string(".scenario.json").size(), std::string::npos, ".lit.json");
        std::ofstream(target) << trace.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
    std::printf("conformance: %zu scenarios run\n", scenarios.size());
    return scenarios.empty() ? 1 : 0;
}
