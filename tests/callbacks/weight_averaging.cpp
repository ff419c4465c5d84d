// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/weight_averaging.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/load_from_checkpoint.hpp>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using scripted::Folder;

static_assert(lit::CallbackPolicy<lit::WeightAveraging<>> && lit::StatefulCallback<lit::EMAWeightAveraging>);
static_assert(!std::is_polymorphic_v<lit::WeightAveraging<>>);
static_assert(lit::AveragesWeights<lit::EqualAverage> && lit::AveragesWeights<lit::ExponentialAverage>);
static_assert(!lit::AveragesWeights<decltype([](const at::Tensor&) { return 1; })>);

/// What a module was seen to hold.
struct Seen {
    std::int64_t step = 0;
    double w0 = 0.0;
    double w1 = 0.0;
    std::int64_t count = 0;
    double m0 = 0.0;
    double m1 = 0.0;

    bool operator==(const Seen&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
    out.precision(std::numeric_limits<double>::max_digits10);
    return out << "{" << seen.step << ", " << seen.w0 << ", " << seen.w1 << ", " << seen.count << ", "
               << seen.m0 << ", " << seen.m1 << "}";
}

// The figures are those of Lightning 2.6.6 with PyTorch 2.11 on a CPU. Its module there:
//   w = Parameter([0.5, -1.0]); buffers count = 0 (int64), mean = zeros(2)
//   training_step: count += 1; mean = 0.5 * mean + batch; return (w * batch).sum()      batch i: [1 / (i + 1), i - 1.5]
//   SGD(lr=0.1); Trainer(max_epochs=2, num_sanity_val_steps=1), 3 training batches and 1 validation batch
// `validated` is what validation_step sees, `raw` what on_train_epoch_end of the module sees, `final` what is there in the end.
struct Walker : lit::Module<Walker> {
    at::Tensor w;
    at::Tensor count;
    at::Tensor mean;
    std::vector<Seen> validated{};
    std::vector<Seen> raw{};
    std::vector<Seen> tested{};

    Walker() {
        w = register_parameter("w", at::tensor({0.5F, -1.0F}));
        count = register_buffer("count", at::zeros({}, at::kLong));
        mean = register_buffer("mean", at::zeros({2}));
    }
    at::Tensor training_step(const at::Tensor& batch) {
        count.add_(1);
        mean.mul_(0.5).add_(batch);
        return (w * batch).sum();
    }
    void validation_step(const at::Tensor& /*batch*/) { validated.push_back(now()); }
    void test_step(const at::Tensor& /*batch*/) { tested.push_back(now()); }
    void on_train_epoch_end() { raw.push_back(now()); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1, .fused = false}}; }

    [[nodiscard]] Seen now() const {
        return {global_step(),
                static_cast<double>(w[0].item<float>()),
                static_cast<double>(w[1].item<float>()),
                count.item<std::int64_t>(),
                static_cast<double>(mean[0].item<float>()),
                static_cast<double>(mean[1].item<float>())};
    }
    [[nodiscard]] Seen at_the_end() const {
        Seen seen = now();
        seen.step = 0;
        return seen;
    }
};

std::vector<at::Tensor> batches(int count) {
    std::vector<at::Tensor> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(at::tensor({static_cast<float>(1.0 / (i + 1)), static_cast<float>(i - 1.5)}));
    }
    return all;
}

template <class... Components>
auto trainer_of(std::int64_t epochs, Components... components) {
    return scripted::trainer({.max_epochs = epochs, .num_sanity_val_steps = 1}, std::move(components)...);
}

constexpr Seen untouched{0, 0.5, -1.0, 0, 0.0, 0.0};

}  // namespace

TEST_SUITE("callbacks/weight_averaging") {
    TEST_CASE("the mean of all steps stands in during validation and is the module's in the end") {
        // On a GPU the averages are rounded otherwise, as Lightning's are.
        auto trainer = scripted::trainer_on_the_cpu({.max_epochs = 2, .num_sanity_val_steps = 1}, lit::WeightAveraging{});
        Walker module;
        trainer.fit(module, batches(3), batches(1));
        const std::vector<Seen> validated{
            untouched,
            {3, 0.35555556416511536, -0.8333333730697632, 1, 0.944444477558136, -0.9583333730697632},
            {6, 0.2638888955116272, -0.7583333849906921, 1, 1.0659722089767456, -0.9765624403953552}};
        const std::vector<Seen> raw{
            {3, 0.3166666626930237, -0.8500000238418579, 3, 0.8333333730697632, -0.125},
            {6, 0.13333334028720856, -0.7000000476837158, 6, 0.9375, -0.140625}};
        CHECK(module.validated == validated);
        CHECK(module.raw == raw);
        CHECK(module.at_the_end() ==
              Seen{0, 0.2638888955116272, -0.7583333849906921, 1, 1.0659722089767456, -0.9765624403953552});
        CHECK(trainer.get<lit::WeightAveraging<>>().n_averaged() == 6);
        CHECK(std::string(lit::WeightAveraging<>::state_key()) == "WeightAveraging");
        CHECK(trainer.get<lit::WeightAveraging<>>().state_dict().at("latest_update_step").to_int() == 6);

        // After the fit both are the average, and so validation and test see it.
        trainer.validate(module, batches(1), {.verbose = false});
        trainer.test(module, batches(1), {.verbose = false});
        CHECK(module.validated.back() == validated.back());
        CHECK(module.tested.back() == validated.back());
    }

    TEST_CASE("an exponential average, as Lightning computes it") {
        auto trainer = trainer_of(2, lit::EMAWeightAveraging{{.decay = 0.9}});
        Walker module;
        trainer.fit(module, batches(3), batches(1));
        const std::vector<Seen> validated{
            untouched,
            {3, 0.3871666491031647, -0.8454999327659607, 1, 0.9833332896232605, -1.3399999141693115},
            {6, 0.32812780141830444, -0.8015693426132202, 1, 1.0340999364852905, -1.232797384262085}};
        CHECK(module.validated == validated);
        CHECK(module.at_the_end() ==
              Seen{0, 0.32812780141830444, -0.8015693426132202, 1, 1.0340999364852905, -1.232797384262085});
        CHECK(std::string(lit::EMAWeightAveraging::state_key()) == "EMAWeightAveraging");
    }

    TEST_CASE(
        "buffers that are not averaged follow the module's; updates come every n steps from a step on") {
        auto trainer = trainer_of(2, lit::EMAWeightAveraging{{.use_buffers = false,
                                                              .decay = 0.9,
                                                              .update_every_n_steps = 2,
                                                              .update_starting_at_step = 1}});
        Walker module;
        trainer.fit(module, batches(3), batches(1));
        const std::vector<Seen> validated{
            untouched,
            {3, 0.3166666626930237, -0.8500000238418579, 3, 0.8333333730697632, -0.125},
            {6, 0.3016666769981384, -0.8299999833106995, 5, 1.2083333730697632, -1.28125}};
        CHECK(module.validated == validated);
        CHECK(module.at_the_end() ==
              Seen{0, 0.3016666769981384, -0.8299999833106995, 5, 1.2083333730697632, -1.28125});
        CHECK(trainer.get<lit::EMAWeightAveraging>().n_averaged() == 2);
        CHECK(trainer.get<lit::EMAWeightAveraging>().state_dict().at("latest_update_step").to_int() == 5);
    }

    TEST_CASE("updates after epochs, in place of steps") {
        auto trainer =
            trainer_of(4, lit::EMAWeightAveraging{
                              {.decay = 0.5, .update_every_n_steps = 0, .update_starting_at_epoch = 1}});
        Walker module;
        trainer.fit(module, batches(3), batches(1));
        const std::vector<Seen> validated{
            untouched,
            {3, 0.5, -1.0, 0, 0.0, 0.0},
            {6, 0.5, -1.0, 0, 0.0, 0.0},
            {9, 0.13333334028720856, -0.7000000476837158, 6, 0.9375, -0.140625},
            {12, 0.0416666716337204, -0.6250000596046448, 7, 0.9440104365348816, -0.1416015625}};
        CHECK(module.validated == validated);
        CHECK(module.at_the_end() ==
              Seen{0, -0.09583333134651184, -0.5125000476837158, 9, 0.9480794668197632, -0.1422119140625});
        CHECK(trainer.get<lit::EMAWeightAveraging>().state_dict().at("latest_update_step").to_int() == 0);
    }

    TEST_CASE("steps are the optimizer's, not batches") {
        auto trainer = trainer_of(2, lit::GradientAccumulation{2}, lit::EMAWeightAveraging{{.decay = 0.5}});
        Walker module;
        trainer.fit(module, batches(5), batches(1));
        const std::vector<Seen> validated{
            untouched,
            {3, 0.3981249928474426, -1.037500023841858, 4, 0.6833333969116211, 1.65625},
            {6, 0.2948698401451111, -1.1640625, 8, 0.6770833730697632, 2.220703125}};
        CHECK(module.validated == validated);
    }

    TEST_CASE("both functions may be the user's, closures with a state of their own among them") {
        std::vector<std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>>> asked;
        auto average = [share = 0.25](const at::Tensor& averaged, const at::Tensor& current,
                                      std::int64_t n_averaged) {
            return share * averaged + 0.75 * current + n_averaged;
        };
        auto should_update = [&asked](std::optional<std::int64_t> step_idx,
                                      std::optional<std::int64_t> epoch_idx) {
            asked.emplace_back(step_idx, epoch_idx);
            return (step_idx && *step_idx % 2 == 1) || epoch_idx == 1;
        };
        auto trainer = trainer_of(2, lit::WeightAveraging{{}, average, should_update});
        Walker module;
        trainer.fit(module, batches(3), batches(1));
        const std::vector<Seen> validated{untouched,
                                          {3, 0.3499999940395355, -0.800000011920929, 2, 1.0, -1.25},
                                          {6, 2.4124999046325684, 1.5437499284744263, 7, 3.28125, 1.7734375}};
        CHECK(module.validated == validated);
        CHECK(module.at_the_end() == Seen{0, 3.703125, 2.8609373569488525, 9, 4.5234375, 3.337890625});
        const decltype(asked) expected{{0, {}}, {1, {}}, {2, {}}, {{}, 0},
                                       {3, {}}, {4, {}}, {5, {}}, {{}, 1}};
        const bool same = asked == expected;
        CHECK(same);
    }

    TEST_CASE("a checkpoint's weights are the average, and training goes on from the others") {
        const Folder folder;
        lit::ModelCheckpointOptions every{.save_top_k = -1, .every_n_train_steps = 1};
        every.dirpath = folder.path();
        every.filename = "{step}";
        auto trainer = trainer_of(2, lit::EMAWeightAveraging{{.decay = 0.9}}, lit::ModelCheckpoint<>{every});
        Walker module;
        trainer.fit(module, batches(3), batches(1));

        const std::filesystem::path file = folder.path() / "step=4.ckpt";
        const lit::Value checkpoint = lit::load_checkpoint(file);
        std::vector<std::string> keys;
        for (const auto& item : checkpoint.dict()) {
            keys.push_back(item.first.string());
        }
        const std::vector<std::string> last(keys.end() - 2, keys.end());
        CHECK(last == std::vector<std::string>{"current_model_state", "averaging_state"});
        const auto number = [&](const char* state, const char* name, int i) {
            return static_cast<double>(checkpoint.at(state).at(name).tensor()[i].item<float>());
        };
        CHECK(number("state_dict", "w", 0) == 0.370116651058197);
        CHECK(number("state_dict", "mean", 1) == -1.3622498512268066);
        CHECK(checkpoint.at("state_dict").at("count").tensor().item<std::int64_t>() == 1);
        CHECK(number("current_model_state", "w", 1) == -0.7000000476837158);
        CHECK(number("current_model_state", "mean", 1) == -1.5625);
        CHECK(checkpoint.at("averaging_state").at("n_averaged").tensor().item<std::int64_t>() == 4);
        CHECK(checkpoint.at("callbacks").at("EMAWeightAveraging").at("latest_update_step").to_int() == 4);

        Walker resumed;
        auto again = trainer_of(2, lit::EMAWeightAveraging{{.decay = 0.9}});
        again.fit(resumed, batches(3), batches(1), {.ckpt_path = file.string()});
        // In Lightning `mean` is a new tensor in each step; the figures of the resumed run are the whole run's.
        CHECK(resumed.at_the_end() == module.at_the_end());
        CHECK(again.get<lit::EMAWeightAveraging>().n_averaged() == 6);

        // Loaded by itself the file gives the average.
        Walker alone;
        auto evaluating = trainer_of(2, lit::EMAWeightAveraging{{.decay = 0.9}});
        evaluating.validate(alone, batches(1), {.ckpt_path = file.string(), .verbose = false});
        CHECK(alone.now().w0 == 0.370116651058197);
    }

    TEST_CASE("a file without an average gives the weights and the average") {
        const Folder folder;
        lit::ModelCheckpointOptions plain{.save_last = true};
        plain.dirpath = folder.path();
        auto first =
            scripted::trainer({.max_epochs = 1, .num_sanity_val_steps = 0}, lit::ModelCheckpoint<>{plain});
        Walker module;
        first.fit(module, batches(3));

        Walker resumed;
        auto trainer = trainer_of(2, lit::EMAWeightAveraging{{.decay = 0.9}});
        trainer.fit(resumed, batches(3), batches(1), {.ckpt_path = (folder.path() / "last.ckpt").string()});
        CHECK(resumed.validated.back() ==
              Seen{6, 0.20383332669734955, -0.6955000162124634, 4, 1.3500001430511475, -1.3949999809265137});
        CHECK(trainer.get<lit::EMAWeightAveraging>().n_averaged() == 3);
    }

    TEST_CASE("refuses a decay that is no share") {
        CHECK_THROWS_AS(lit::EMAWeightAveraging{{.decay = -0.1}}, lit::ConfigError);
        CHECK_THROWS_AS(lit::EMAWeightAveraging{{.decay = 1.5}}, lit::ConfigError);
        CHECK_THROWS_AS(lit::EMAWeightAveraging{{.decay = std::numeric_limits<double>::quiet_NaN()}},
                        lit::ConfigError);
        CHECK_NOTHROW(lit::EMAWeightAveraging{{.decay = 1.0}});
    }

    TEST_CASE("parts that share a tensor are averaged once, and the file names them both") {
        struct Tied : lit::Module<Tied> {
            at::Tensor a;
            Tied() {
                a = register_parameter("a", at::tensor({1.0F}));
                register_parameter("b", a);
            }
            at::Tensor training_step(const at::Tensor& batch) { return (a * batch).sum(); }
            auto configure_optimizers() {
                return lit::SGD{std::vector<at::Tensor>{a}, {.lr = 1.0, .fused = false}};
            }
        };
        Tied module;
        auto trainer = trainer_of(1, lit::WeightAveraging{});
        trainer.fit(module, std::vector<at::Tensor>{at::tensor({1.0F}), at::tensor({2.0F})});
        CHECK(module.a.item<float>() == -1.0F);  // the mean of 0 and -2
    }
    TEST_CASE("an exception inside of a validation leaves the module its own weights") {
        struct Breaks : Walker {
            void validation_step(const at::Tensor& /*batch*/) {
                if (global_step() > 0) {
                    throw std::runtime_error("validating");
                }
            }
        };
        Breaks module;
        auto trainer = trainer_of(1, lit::WeightAveraging<>{});
        CHECK_THROWS_WITH(trainer.fit(module, batches(3), batches(1)), "validating");
        Walker undisturbed;
        trainer_of(1).fit(undisturbed, batches(3));
        CHECK(at::equal(module.w, undisturbed.w));
    }
}
