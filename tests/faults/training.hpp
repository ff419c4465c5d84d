// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <ATen/ops/rand.h>
#include <torch/nn/modules/linear.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// A small training run that is disturbed, and what is looked at afterwards.
namespace faults {

namespace fs = std::filesystem;

struct Tiny : lit::Module<Tiny> {
    torch::nn::Linear layer{nullptr};
    at::Tensor drawn;
    Tiny() {
        layer = register_module("layer", torch::nn::Linear(4, 2));
        drawn = register_buffer("drawn", torch::zeros({4}));        // so that a lost generator shows
        register_buffer("large", torch::zeros({40000}));  // more than is collected before a write
    }
    torch::Tensor training_step(const lit::Example& batch) {
        drawn.copy_(at::rand({4}));
        const auto loss = (layer(batch.data) - batch.target).pow(2).mean();
        log("train_loss", loss, {.on_step = false, .on_epoch = true});
        return loss;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.05}}; }
};

inline std::vector<lit::Example> data(std::int64_t batches) {
    torch::manual_seed(7);
    std::vector<lit::Example> all;
    for (std::int64_t i = 0; i < batches; ++i) {
        all.push_back({torch::randn({5, 4}), torch::randn({5, 2})});
    }
    return all;
}

/// What a run has said, also when it was killed a moment later: memory that it shares with the process that watches.
class Said {
 public:
    Said()
        : saves_(static_cast<std::atomic<std::int64_t>*>(::mmap(nullptr, sizeof(std::atomic<std::int64_t>), PROT_READ | PROT_WRITE,
                                                                MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        new (saves_) std::atomic<std::int64_t>(0);
    }
    Said(const Said&) = delete;
    Said& operator=(const Said&) = delete;
    ~Said() { ::munmap(saves_, sizeof *saves_); }
    /// Saves that lit has called done.
    [[nodiscard]] std::int64_t saves() const { return saves_->load(); }
    void say(std::int64_t saves) const { saves_->store(saves); }

 private:
    std::atomic<std::int64_t>* saves_;
};

/// Counts the saves of the trainer, and says which of them are done: where a writer in the background has them, when that
/// says so, else when they have returned.
struct Speaks {
    using Role = lit::role::checkpoint;
    const Said* said;
    std::int64_t asked = 0;

    void on_save_checkpoint(auto& /*trainer*/, auto& /*module*/, lit::Dict& /*checkpoint*/) { ++asked; }
    void on_train_batch_start(auto& trainer, auto& /*module*/) const { speak(trainer); }
    void on_train_batch_end(auto& trainer, auto& /*module*/) const { speak(trainer); }
    void on_train_epoch_start(auto& trainer, auto& /*module*/) const { speak(trainer); }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) const { speak(trainer); }

 private:
    void speak(auto& trainer) const {
        std::int64_t done = asked;
        lit::for_each_component(trainer.components(), [&done](auto& component) {
            if constexpr (std::is_same_v<std::remove_cvref_t<decltype(component)>, lit::AsyncCheckpoint>) {
                done = component.finished_saves();
            }
        });
        said->say(done);
    }
};

struct RunSettings {
    fs::path folder;
    std::int64_t epochs = 4;
    std::int64_t batches = 3;
    bool async = false;
    std::string from{};
};

/// 0: trained to the end; 3: a lit::FileError came out, with the path of a file; anything else is a fault of lit. To be
/// called in a process of its own.
template <class... Checkpoints>
int train(const RunSettings& settings, const Said& said, Checkpoints... checkpoints) {
    static_cast<void>(std::freopen("/dev/null", "w", stderr));
    try {
        torch::manual_seed(3);
        Tiny net;
        lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}},
                             lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = settings.epochs, .default_root_dir = settings.folder},
                             settings.async ? std::optional(lit::AsyncCheckpoint{}) : std::nullopt,
                             std::move(checkpoints)...,
                             Speaks{&said}};
        return trainer.fit(net, data(settings.batches), {.ckpt_path = settings.from}).finished() ? 0 : 4;
    } catch (const lit::FileError& error) {
        return std::string_view(error.what()).find(settings.folder.string()) != std::string_view::npos ? 3 : 5;
    } catch (...) {
        return 6;
    }
}

inline int in_child(const auto& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Folder {
    fs::path path;
    explicit Folder(const std::string& name)
        : path(fs::canonical(fs::temp_directory_path()) / ("lit-faults-" + name + std::to_string(::getpid()))) {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { fs::remove_all(path); }
};

/// What a continuation depends on, as bytes.
inline std::string substance(const lit::Dict& checkpoint) {
    lit::Dict kept;
    for (const char* key : {"epoch", "global_step", "state_dict", "optimizer_states", "loops"}) {
        kept.set(key, checkpoint.at(key));
    }
    const lit::Pickled pickled = lit::write_pickle(kept);
    std::string bytes = pickled.data;
    for (const c10::Storage& storage : pickled.storages) {
        bytes.append(static_cast<const char*>(storage.data()), storage.nbytes());
    }
    return bytes;
}

/// The step, and whether it was saved at the end of a batch or of an epoch.
using Moment = std::pair<std::int64_t, bool>;
inline Moment moment_of(const lit::Value& checkpoint) {
    const lit::Value& batch = checkpoint.at("loops").at("fit_loop").at("epoch_loop.batch_progress").at("current");
    return {checkpoint.at("global_step").to_int(), batch.at("completed").to_int() == batch.at("processed").to_int()};
}
/// The checkpoints of the run that nobody disturbs.
using Expected = std::map<Moment, std::string>;
/// Of all files in the folder and below.
inline Expected expected_of(const fs::path& folder) {
    Expected all;
    for (const auto& file : fs::recursive_directory_iterator(folder)) {
        if (file.is_regular_file()) {
            const lit::Value checkpoint = lit::load_checkpoint(file.path());
            all[moment_of(checkpoint)] = substance(checkpoint.dict());
        }
    }
    return all;
}

/// What lies in a folder after a run that was disturbed.
struct Found {
    std::string wrong;  ///< empty: every checkpoint is whole and has the content of its step
    std::int64_t newest_step = 0;
    fs::path newest_file;
    int checkpoints = 0;
    int temporary_files = 0;
};
inline Found inspect(const fs::path& folder, const Expected& expected) {
    Found found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory()) {
            continue;
        }
        if (name.starts_with('.') && name.ends_with(".tmp")) {
            found.temporary_files += entry.is_symlink() ? 0 : 1;  // a link takes no room, and the next one has its name
            continue;
        }
        if (!name.ends_with(".ckpt")) {
            found.wrong += "a file of an unknown kind: " + name + "; ";
            continue;
        }
        try {
            const lit::Value checkpoint = lit::load_checkpoint(entry.path());
            const Moment moment = moment_of(checkpoint);
            const std::int64_t step = moment.first;
            const auto known = expected.find(moment);
            if (known == expected.end() || known->second != substance(checkpoint.dict())) {
                found.wrong += name + " does not have the content of its step; ";
            }
            ++found.checkpoints;
            if (step > found.newest_step) {
                found.newest_step = step;
                found.newest_file = entry.path();
            }
        } catch (const std::exception& error) {
            found.wrong += name + ": " + error.what() + "; ";
        }
    }
    return found;
}

}  // namespace faults
