// SPDX-License-Identifier: Apache-2.0
// A checkpoint of every truncated length, and with every single byte changed: it is refused with a clear error, or what is
// read is exactly what was saved.
#include "faults/damaged.hpp"
#include "faults/training.hpp"
#include "support/doctest.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using faults::DamageCounts;

/// A module of a few numbers, whose checkpoint has everything but size. A generator's state of 5,056 bytes is left out.
struct Small : lit::Module<Small> {
    torch::nn::Linear layer{nullptr};
    Small() { layer = register_module("layer", torch::nn::Linear(2, 1)); }
    torch::Tensor training_step(const lit::Example& batch) { return layer(batch.data).mean(); }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 0.1}}; }
    void on_save_checkpoint(lit::Dict& checkpoint) { checkpoint.set("lit", "left out here"); }
};
struct SavesAtEnd {
    fs::path path;
    void on_train_end(auto& trainer, auto&) const { trainer.save_checkpoint(path); }
};

}  // namespace

TEST_SUITE("faults/damage") {
    TEST_CASE("every truncation and every changed byte of a checkpoint is refused, or read exactly") {
        const faults::Folder folder("damage");
        {
            Small net;
            lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                                 lit::TrainerOptions{.max_epochs = 1, .default_root_dir = folder.path},
                                 SavesAtEnd{folder.path / "good.ckpt"}};
            trainer.fit(net, std::vector<lit::Example>{{torch::ones({2, 2}), torch::ones({2, 1})}});
        }
        // Every value of every byte takes minutes; without LIT_EXHAUSTIVE each bit is turned by itself, and all at once.
        const bool exhaustive = std::getenv("LIT_EXHAUSTIVE") != nullptr;
        std::vector<int> changes;
        for (int change = 1; change < 256; ++change) {
            if (exhaustive || change == 255 || (change & (change - 1)) == 0) {
                changes.push_back(change);
            }
        }
        faults::Damaged file(folder.path / "good.ckpt");
        const DamageCounts changed = file.change_bytes(changes);
        CHECK(changed.all() == static_cast<std::int64_t>(file.size() * changes.size()));
        CHECK(changed.wrong == std::vector<std::string>{});
        CHECK(changed.exactly < changed.refused);
        const DamageCounts cut = file.cut();
        CHECK(cut.refused == static_cast<std::int64_t>(file.size()));
        std::printf("faults/damage: a checkpoint of %zu bytes: %lld of %zu lengths refused; of %lld changed bytes %lld refused, %lld "
                    "read exactly, %zu wrong\n",
                    file.size(), static_cast<long long>(cut.refused), file.size(), static_cast<long long>(changed.all()),
                    static_cast<long long>(changed.refused), static_cast<long long>(changed.exactly), changed.wrong.size());
    }
}
