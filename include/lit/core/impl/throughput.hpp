// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/throughput.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {

LIT_INLINE Throughput::Throughput(ThroughputOptions options) : options_(std::move(options)) {
    if (options_.window_size < 2) {
        throw ConfigError("Throughput: window_size = " + std::to_string(options_.window_size) +
                          ", expected at least 2: a rate is the difference of two updates.");
    }
    if (options_.world_size < 1) {
        throw ConfigError("Throughput: world_size = " + std::to_string(options_.world_size) +
                          ", expected at least 1.");
    }
    if (options_.available_flops && !(*options_.available_flops > 0.0)) {
        throw ConfigError("Throughput: available_flops = " + std::to_string(*options_.available_flops) +
                          ", expected more than 0. Leave it out where it is not known.");
    }
}

LIT_INLINE void Throughput::update(const ThroughputUpdate& now) {
    if (!window_.empty()) {
        const ThroughputUpdate& last = newest();
        grows("time", last.time, now.time);
        grows("batches", static_cast<double>(last.batches), static_cast<double>(now.batches));
        grows("samples", static_cast<double>(last.samples), static_cast<double>(now.samples));
        if (last.lengths && now.lengths) {
            grows("lengths", static_cast<double>(*last.lengths), static_cast<double>(*now.lengths));
        }
        if (last.lengths.has_value() != now.lengths.has_value()) {
            throw Error(
                "Throughput: lengths were given in some updates and not in others. Give them in all.");
        }
    }
    at_least("samples", now.samples, "batches", now.batches);
    if (now.lengths) {
        at_least("lengths", *now.lengths, "samples", now.samples);
    }
    if (window_.size() < size()) {
        window_.push_back(now);
    } else {
        window_[next_] = now;
    }
    next_ = (next_ + 1) % size();
    flops_count_ = now.flops ? flops_count_ + 1 : 0;
}

LIT_INLINE std::vector<std::pair<std::string, double>> Throughput::compute() const {
    std::vector<std::pair<std::string, double>> all;
    compute([&all](std::string_view name, double value) { all.emplace_back(name, value); });
    return all;
}

LIT_INLINE void Throughput::grows(const char* what, double before, double now) {
    if (!(now > before)) {
        throw Error("Throughput: " + std::string(what) + " went from " + std::to_string(before) + " to " +
                    std::to_string(now) + ". These are totals since the start, so they have to grow.");
    }
}

LIT_INLINE void Throughput::at_least(const char* what, std::int64_t more, const char* than, std::int64_t less) {
    if (more < less) {
        throw Error("Throughput: " + std::to_string(more) + " " + what + " are less than " +
                    std::to_string(less) + " " + than + ". Both are totals since the start.");
    }
}

}  // namespace lit
