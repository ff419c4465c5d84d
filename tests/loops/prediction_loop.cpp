// SPDX-License-Identifier: Apache-2.0
#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <lit/core/batch.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <ATen/ops/arange.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace {

/// Five samples in batches of two, the last of which is to be dropped.
auto dropping() {
    return lit::DataLoader(lit::TensorDataset(at::arange(5, at::kFloat), at::arange(5)), {.batch_size = 2, .drop_last = true});
}
static_assert(lit::DropsLast<decltype(dropping())>);

struct Echo : probe::LineBase<Echo> {
    bool throws = false;
    at::Tensor predict_step(const lit::Example& batch, std::int64_t batch_idx) const {
        if (throws && batch_idx == 1) {
            throw std::runtime_error("broken");
        }
        return batch.data;
    }
    void test_step(const lit::Example& /*batch*/) { ++tested; }
    int tested = 0;
};

}  // namespace

TEST_SUITE("loops/prediction_loop") {
    // Lightning 2.6.6 predicts 3 batches of such a loader.
    TEST_CASE("no batch is dropped, whatever the loader was told, which it remembers") {
        auto loader = dropping();
        Echo module;
        auto trainer = probe::trainer({});
        const auto predictions = trainer.predict(module, loader);
        REQUIRE(predictions.size() == 1);
        REQUIRE(predictions[0].size() == 3);
        CHECK(predictions[0][2].numel() == 1);
        CHECK(predictions[0][2].item<float>() == 4.0F);
        CHECK(loader.drop_last());
        trainer.test(module, loader, {.verbose = false});
        CHECK(module.tested == 2);
    }

    TEST_CASE("each of several loaders gets its own answer back, also after an exception") {
        std::vector<decltype(dropping())> loaders;
        loaders.push_back(dropping());
        loaders.push_back(dropping());
        loaders[1].set_drop_last(false);
        Echo module;
        auto trainer = probe::trainer({});
        const auto predictions = trainer.predict(module, loaders);
        CHECK(predictions.at(0).size() == 3);
        CHECK(predictions.at(1).size() == 3);
        CHECK(loaders[0].drop_last());
        CHECK_FALSE(loaders[1].drop_last());
        module.throws = true;
        CHECK_THROWS_AS(trainer.predict(module, loaders), std::runtime_error);
        CHECK(loaders[0].drop_last());
    }
}
