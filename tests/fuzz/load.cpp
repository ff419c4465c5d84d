// SPDX-License-Identifier: Apache-2.0
// A libFuzzer target: whatever bytes a file holds, loading it ends in a value or in a lit::Error. See scripts/fuzz.
//
// The first byte chooses what the others are: a pickle, a file of weights or a checkpoint, a safetensors file.
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/load_weights.hpp>
#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/ops/zeros.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

/// Looks at every byte that a value refers to, so that one outside of its memory is noticed.
std::uint64_t look_at(const lit::Value& value) {
    std::uint64_t sum = 0;
    if (const auto* tensor = value.get_if<at::Tensor>()) {
        const auto& storage = tensor->storage();
        const auto* bytes = static_cast<const std::uint8_t*>(storage.data());
        for (std::size_t i = 0; i < storage.nbytes(); i += 61) {
            sum += bytes[i];
        }
        if (tensor->numel() > 0 && tensor->numel() < 100'000 && !tensor->is_complex()) {
            sum += static_cast<std::uint64_t>(tensor->contiguous().nbytes());
        }
    } else if (const auto* dict = value.get_if<lit::Dict>()) {
        for (const auto& [key, own] : *dict) {
            sum += look_at(key) + look_at(own);
        }
    } else if (value.is<lit::List>() || value.is<lit::Tuple>()) {
        for (const lit::Value& own : value.items()) {
            sum += look_at(own);
        }
    } else if (const auto* text = value.get_if<std::string>()) {
        sum += text->size();
    }
    return sum;
}

std::uint64_t seen = 0;
void see(const lit::Value& value) { seen += look_at(value); }

const std::filesystem::path& place() {
    static const std::filesystem::path path = "/dev/shm/lit-fuzz-" + std::to_string(::getpid());
    return path;
}
void write_file(std::string_view bytes) {
    const int file = ::open(place().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || ::close(file) != 0) {
        std::perror("fuzz");
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    std::atexit([] {
        std::filesystem::remove(place());
        std::fprintf(stderr, "lit: sum of what was read: %llu\n", static_cast<unsigned long long>(seen));
    });
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    try {
        switch (data[0] % 3) {
            case 0:
                see(lit::read_pickle(
                    bytes,
                    [](const std::string& /*key*/, std::size_t wanted) {
                        if (wanted > 1'000'000) {
                            throw lit::CheckpointError("more than the file has");
                        }
                        return at::zeros({static_cast<std::int64_t>(wanted)}, at::kByte).storage();
                    },
                    {.max_bytes = std::size_t{64} << 20U}));
                break;
            case 1:
                write_file(bytes);
                see(lit::load_checkpoint(place(), {.limits = {.max_bytes = std::size_t{64} << 20U}}));
                see(lit::load_state_dict(place()));
                break;
            default:
                write_file(bytes);
                see(lit::load_safetensors(place()));
                break;
        }
    } catch (const lit::Error&) {  // refused, with a message
    }
    return 0;
}
