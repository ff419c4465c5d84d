// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

/// `name=value` arguments of the tests' programs.
class Arguments {
 public:
    Arguments(int argc, char** argv) {
        for (int i = 1; i < argc; ++i) {
            const std::string argument = argv[i];
            const std::size_t equals = argument.find('=');
            if (equals == std::string::npos) {
                std::fprintf(stderr, "%s: expected name=value, found %s\n", argv[0], argv[i]);
                std::exit(2);
            }
            values_[argument.substr(0, equals)] = argument.substr(equals + 1);
        }
    }
    [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise = "") const {
        const auto found = values_.find(name);
        return found == values_.end() ? otherwise : found->second;
    }
    [[nodiscard]] std::int64_t number(const std::string& name, std::int64_t otherwise) const {
        const auto found = values_.find(name);
        return found == values_.end() ? otherwise : std::stoll(found->second);
    }

 private:
    std::map<std::string, std::string> values_;
};
