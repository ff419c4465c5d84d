// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "loops/probe.hpp"

#include <lit/collectives/collective.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/strategies/single_device.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

/// The second of two ranks, of which the other holds the same.
struct Second {
    static std::int64_t rank() { return 1; }
    static std::int64_t world_size() { return 2; }
    static at::Tensor all_reduce(const at::Tensor& value, lit::ReduceOp op) {
        return op == lit::ReduceOp::sum ? value * 2 : value;
    }
    static at::Tensor all_gather(const at::Tensor& value) { return at::stack({value, value}); }
    static at::Tensor broadcast(at::Tensor value, std::int64_t /*root*/) { return value; }
    static std::string broadcast(std::string value, std::int64_t /*root*/) { return value; }
    static void barrier() {}
};
struct OfTwo : lit::SingleDevice {
    OfTwo() : SingleDevice({.accelerator = lit::Accelerator::cpu}) {}
    [[nodiscard]] static Second collective() { return {}; }
};

struct Sees : probe::LineBase<Sees> {
    bool breaks = false;
    std::vector<std::int64_t> trained{}, validated{}, tested{}, predicted{};

    static void note(std::vector<std::int64_t>& seen, const at::Tensor& batch) {
        for (std::int64_t i = 0; i < batch.numel(); ++i) {
            seen.push_back(batch[i].item<std::int64_t>());
        }
    }
    at::Tensor training_step(const lit::Example& batch) {
        note(trained, batch.data);
        if (breaks) {
            throw std::runtime_error("enough");
        }
        return loss(batch.data);
    }
    void validation_step(const lit::Example& batch) { note(validated, batch.data); }
    void test_step(const lit::Example& batch) { note(tested, batch.data); }
    at::Tensor predict_step(const lit::Example& batch) {
        note(predicted, batch.data);
        return batch.data;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

auto numbers(std::int64_t count, bool drop_last = false) {
    return lit::DataLoader{lit::TensorDataset{at::arange(count, at::kFloat), at::arange(count, at::kFloat)},
                           {.batch_size = 2, .drop_last = drop_last}};
}
using Numbers = std::vector<std::int64_t>;

/// Looks at the training loader with a trainer of its own after each epoch.
struct Validates {
    decltype(numbers(1))* loader;
    void on_train_epoch_end(auto& /*trainer*/, auto& /*module*/) const {
        Sees module;
        lit::Trainer trainer{OfTwo{}, lit::Fp32{}, lit::TrainerOptions{}};
        trainer.validate(module, *loader, {.verbose = false});
    }
};

}  // namespace

TEST_SUITE("loops/loader_shares") {
    TEST_CASE("a rank is given its share of each loader, and the loaders are whole again when the run is over") {
        Sees module;
        auto train = numbers(8);
        auto val = numbers(5);
        auto loaders = std::vector{numbers(4), numbers(6)};
        lit::Trainer trainer{OfTwo{}, lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = 2, .reload_dataloaders_every_n_epochs = 1}};
        SUBCASE("fit") {
            trainer.fit(module, train, val);
            CHECK(module.trained.size() == 8);
            CHECK(Numbers(module.validated.begin(), module.validated.begin() + 3) == Numbers{1, 3, 0});
        }
        SUBCASE("a fit of one loader for both: training has its order, validation the dataset's") {
            Sees of_two;
            lit::Trainer another{OfTwo{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
            another.fit(of_two, numbers(8), numbers(8));
            trainer.fit(module, train, train);
            CHECK(module.trained == of_two.trained);
            CHECK(module.validated == of_two.validated);
            CHECK(module.trained != Numbers{1, 3, 5, 7, 1, 3, 5, 7});
        }
        SUBCASE("a run inside of a run") {
            Sees plain;
            lit::Trainer outer{OfTwo{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}};
            outer.fit(plain, train);
            lit::Trainer with_inner{OfTwo{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}, Validates{&train}};
            with_inner.fit(module, train);
            CHECK(module.trained == plain.trained);
        }
        SUBCASE("a fit that breaks off") {
            module.breaks = true;
            CHECK_THROWS_AS(trainer.fit(module, train, val), std::runtime_error);
        }
        SUBCASE("validate") {
            trainer.validate(module, val, {.verbose = false});
            CHECK(module.validated == Numbers{1, 3, 0});
        }
        SUBCASE("test") {
            trainer.test(module, loaders, {.verbose = false});
            CHECK(module.tested == Numbers{1, 3, 1, 3, 5});
        }
        SUBCASE("predict") {
            trainer.predict(module, val);
            CHECK(module.predicted == Numbers{1, 3});
        }
        CHECK(train.samples() == 8);
        CHECK(val.samples() == 5);
        CHECK(loaders[0].samples() == 4);
        CHECK(loaders[1].samples() == 6);
    }
    TEST_CASE("a share that was taken by hand is there again") {
        Sees module;
        auto train = numbers(8);
        train.shard({.rank = 2, .world_size = 4, .shuffle = false});
        lit::Trainer trainer{OfTwo{}, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 1}};
        trainer.fit(module, train);
        CHECK(module.trained.size() == 4);
        CHECK(train.samples() == 2);
        CHECK(train.begin()->data.equal(at::tensor({2.0F, 6.0F})));
    }
}
