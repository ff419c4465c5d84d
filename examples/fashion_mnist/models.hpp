// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/lit.hpp>

#include <cstdint>
#include <string>

namespace fashion {

namespace F = torch::nn::functional;

struct HParams {
    std::int64_t width = 32;    ///< channels of the first convolution, or an eighth of the hidden units
    double lr = 2e-3;           ///< the highest learning rate
    double weight_decay = 0.01;
    double dropout = 0.25;
    std::int64_t steps = 1;     ///< optimizer steps of the whole run, for the schedule
};

/// What both models share: the loss, what is logged, the optimizer. A model adds `forward`.
template <class Self>
struct Classifier : lit::Module<Self, HParams> {
    using Logs = lit::Logs<"train_loss", "val_loss", "val_acc", "test_loss", "test_acc">;

    explicit Classifier(HParams h) : lit::Module<Self, HParams>(h) {}

    torch::Tensor training_step(const lit::Example& batch) {
        const auto loss = F::cross_entropy(self().forward(batch.data), batch.target);
        this->template log<"train_loss">(loss, {.prog_bar = true, .on_step = true, .on_epoch = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) {
        const auto scores = self().forward(batch.data);
        this->template log<"val_loss">(F::cross_entropy(scores, batch.target), {.prog_bar = true});
        this->template log<"val_acc">(accuracy(scores, batch.target), {.prog_bar = true});
    }
    void test_step(const lit::Example& batch) {
        const auto scores = self().forward(batch.data);
        this->template log<"test_loss">(F::cross_entropy(scores, batch.target));
        this->template log<"test_acc">(accuracy(scores, batch.target));
        confusion.update(scores, batch.target);
    }
    /// Shapes  uint8 or float images [n, 1, 28, 28] in; the class of each, int64 [n], out.
    torch::Tensor predict_step(const lit::Example& batch) { return self().forward(batch.data).argmax(1); }

    void on_test_epoch_start() { confusion.reset(); }

    auto configure_optimizers() {
        const auto& h = this->hparams;
        return lit::OptimizerConfig{
            .optimizer = lit::AdamW{this->parameters(), {.lr = h.lr, .weight_decay = h.weight_decay}},
            .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::CosineAnnealingLR{{.t_max = h.steps}},
                                                   .interval = lit::Interval::step}};
    }

    lit::ConfusionMatrix confusion{{.num_classes = 10}};

 private:
    Self& self() { return static_cast<Self&>(*this); }
    static torch::Tensor accuracy(const torch::Tensor& scores, const torch::Tensor& target) {
        return scores.argmax(1).eq(target).to(torch::kFloat).mean();
    }
};

struct Mlp : Classifier<Mlp> {
    explicit Mlp(HParams h = {}) : Classifier(h) {
        hidden = register_module("hidden", torch::nn::Linear(784, 8 * hparams.width));
        out = register_module("out", torch::nn::Linear(8 * hparams.width, 10));
    }
    torch::Tensor forward(const torch::Tensor& x) {
        return out(F::dropout(torch::relu(hidden(x.flatten(1))), drop()));
    }

    torch::nn::Linear hidden{nullptr}, out{nullptr};

 private:
    [[nodiscard]] F::DropoutFuncOptions drop() const {
        return F::DropoutFuncOptions().p(hparams.dropout).training(is_training());
    }
};

struct Cnn : Classifier<Cnn> {
    explicit Cnn(HParams h = {}) : Classifier(h) {
        const auto w = hparams.width;
        conv1 = register_module("conv1", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, w / 2, 3).padding(1)));
        conv2 = register_module("conv2", torch::nn::Conv2d(torch::nn::Conv2dOptions(w / 2, w, 3).padding(1)));
        norm = register_module("norm", torch::nn::BatchNorm2d(w));
        hidden = register_module("hidden", torch::nn::Linear(w * 7 * 7, 128));
        out = register_module("out", torch::nn::Linear(128, 10));
    }
    torch::Tensor forward(torch::Tensor x) {
        x = torch::max_pool2d(torch::relu(conv1(x)), 2);
        x = torch::max_pool2d(torch::relu(norm(conv2(x))), 2);
        x = F::dropout(x.flatten(1), drop());
        return out(F::dropout(torch::relu(hidden(x)), drop()));
    }

    torch::nn::Conv2d conv1{nullptr}, conv2{nullptr};
    torch::nn::BatchNorm2d norm{nullptr};
    torch::nn::Linear hidden{nullptr}, out{nullptr};

 private:
    [[nodiscard]] F::DropoutFuncOptions drop() const {
        return F::DropoutFuncOptions().p(hparams.dropout).training(is_training());
    }
};

}  // namespace fashion
