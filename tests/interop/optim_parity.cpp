// SPDX-License-Identifier: Apache-2.0
// The C++ half of optim_parity.py: trains the same small network from the same weights on the same batches
// with each optimizer, in lit::Trainer, and writes the losses and the final weights as raw floats, one file per case, and the
// states as text.
//     optim_parity FOLDER    reads FOLDER/weights.bin and FOLDER/batches.bin;
//                            writes FOLDER/<case>.lit.bin, .lit.txt, .lit.state.txt
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/core/value.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/clip.hpp>
#include <lit/optim/constant_lr.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/lambda_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

constexpr int steps = 200;
constexpr int batches = 16;

std::vector<float> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    std::vector<float> floats(bytes.size() / sizeof(float));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(floats.data()));
    return floats;
}

struct Data {
    std::vector<float> weights;
    std::vector<torch::Tensor> x, y;
};

Data read_data(const std::string& folder) {
    Data data;
    data.weights = read(folder + "/weights.bin");
    std::vector<float> all = read(folder + "/batches.bin");
    const float* next = all.data();
    for (int i = 0; i < batches; ++i) {
        data.x.push_back(torch::tensor(at::ArrayRef<float>(next, 16 * 32)).view({16, 32}));
        next += 16 * 32;
        data.y.push_back(torch::tensor(at::ArrayRef<float>(next, 16)).to(torch::kLong));
        next += 16;
    }
    return data;
}

void set_weights(torch::nn::Module& model, const std::vector<float>& weights) {
    torch::NoGradGuard no_grad;
    const float* next = weights.data();
    for (torch::Tensor& p : model.parameters()) {
        p.copy_(
            torch::tensor(at::ArrayRef<float>(next, static_cast<std::size_t>(p.numel()))).view(p.sizes()));
        next += p.numel();
    }
}

/// A value as optim_parity.py prints Python's: types, order of keys and every bit of every tensor.
std::string show(const lit::Value& value) {
    const auto join = [](const lit::List& items) {
        std::string text;
        for (const lit::Value& item : items) {
            text += show(item) + ", ";
        }
        return text;
    };
    char number[64];
    if (const auto* flag = value.get_if<bool>()) {
        return *flag ? "True" : "False";
    }
    if (const auto* integer = value.get_if<std::int64_t>()) {
        return std::to_string(*integer);
    }
    if (const auto* real = value.get_if<double>()) {
        std::snprintf(number, sizeof number, "f%.17g", *real);
        return number;
    }
    if (const auto* text = value.get_if<std::string>()) {
        return "'" + *text + "'";
    }
    if (const auto* list = value.get_if<lit::List>()) {
        return "[" + join(*list) + "]";
    }
    if (const auto* tuple = value.get_if<lit::Tuple>()) {
        return "(" + join(tuple->items) + ")";
    }
    if (const auto* dict = value.get_if<lit::Dict>()) {
        std::string text = "{";
        for (const auto& [key, item] : *dict) {
            text += show(key) + ": " + show(item) + ",\n";
        }
        return text + "}";
    }
    if (const auto* tensor = value.get_if<at::Tensor>()) {
        std::string text = std::string("tensor ") + c10::toString(tensor->scalar_type()) + " " +
                           std::to_string(tensor->dim()) + " ";
        const at::Tensor flat = tensor->contiguous().to(at::kFloat);
        for (std::int64_t i = 0; i < flat.numel(); ++i) {
            std::snprintf(number, sizeof number, "%08x",
                          reinterpret_cast<const std::uint32_t*>(flat.data_ptr<float>())[i]);
            text += number;
        }
        return text;
    }
    return "None";
}

void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

enum class Clip { none, norm, value };

using Parameters = std::vector<at::Tensor>;
using Optimizer = std::variant<lit::SGD, lit::Adam, lit::AdamW>;
using MakeOptimizer = std::function<Optimizer(Parameters)>;

/// The network in lit::Trainer, writing down each loss and, where gradients are clipped by norm, each norm.
struct Net : lit::Module<Net> {
    Net(MakeOptimizer make, bool norms) : make(std::move(make)), norms(norms) {
        first = register_module("first", torch::nn::Linear(32, 64));
        second = register_module("second", torch::nn::Linear(64, 48));
        third = register_module("third", torch::nn::Linear(48, 10));
    }
    torch::Tensor training_step(const lit::Example& batch) {
        const auto y = third(torch::tanh(second(torch::relu(first(batch.data)))));
        auto loss = torch::nn::functional::cross_entropy(y, batch.target);
        out.push_back(loss.item<float>());
        return loss;
    }
    void on_before_optimizer_step() {
        if (norms) {
            const Parameters all = parameters();
            out.push_back(lit::grad_norm(all).item<float>());
        }
    }
    void on_train_end(auto& trainer) {
        trainer.for_each_optimizer([&](auto, auto& optimizer) { state = show(lit::optimizer_state(optimizer)); });
    }
    auto configure_optimizers() { return make(parameters()); }

    MakeOptimizer make;
    bool norms;
    torch::nn::Linear first{nullptr}, second{nullptr}, third{nullptr};
    std::vector<float> out;
    std::string state;
};

/// `accumulate` micro-batches per step, loss divided by their number; gradients clipped or not.
void train(const std::string& folder, const Data& data, const std::string& name, const MakeOptimizer& make,
           int accumulate, Clip clip) {
    Net model(make, clip == Clip::norm);
    set_weights(model, data.weights);
    std::vector<lit::Example> loader;
    for (int batch = 0; batch < steps * accumulate; ++batch) {
        const auto i = static_cast<std::size_t>(batch % batches);
        loader.emplace_back(data.x[i], data.y[i]);
    }
    std::optional<lit::GradientAccumulation> accumulation;
    if (accumulate > 1) {
        accumulation.emplace(accumulate);
    }
    std::optional<lit::GradientClip> clipping;
    if (clip != Clip::none) {
        clipping.emplace(clip == Clip::norm ? 0.1 : 0.01,
                         clip == Clip::norm ? lit::ClipAlgorithm::norm : lit::ClipAlgorithm::value);
    }
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 1}, accumulation, clipping};
    trainer.fit(model, loader);

    write(folder + "/" + name + ".lit.state.txt", model.state);
    std::vector<float> out = std::move(model.out);
    for (const torch::Tensor& p : model.parameters()) {
        const torch::Tensor flat = p.detach().contiguous();
        out.insert(out.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
    }
    std::ofstream file(folder + "/" + name + ".lit.bin", std::ios::binary);
    file.write(reinterpret_cast<const char*>(out.data()),
               static_cast<std::streamsize>(out.size() * sizeof(float)));
}

template <class Scheduler>
void schedule(const std::string& folder, const std::string& name, Scheduler scheduler) {
    lit::SGD optimizer{
        {lit::ParamGroup<lit::SGDOptions>{{torch::ones({1}, torch::requires_grad())}, {.lr = 0.1}, ""},
         lit::ParamGroup<lit::SGDOptions>{{torch::ones({1}, torch::requires_grad())}, {.lr = 0.037}, ""}}};
    std::FILE* file = std::fopen((folder + "/" + name + ".lit.txt").c_str(), "w");
    scheduler.initialize(optimizer);
    for (int i = 0; i < 60; ++i) {
        std::fprintf(file, "%.17g %.17g\n", lit::learning_rate(optimizer, 0),
                     lit::learning_rate(optimizer, 1));
        if constexpr (lit::NeedsMetric<Scheduler>) {
            scheduler.step(optimizer, i < 20 ? 1.0 / (1 + i) : 0.1);
        } else {
            scheduler.step(optimizer);
        }
    }
    std::fclose(file);
    write(folder + "/" + name + ".lit.state.txt",
          show(lit::List{scheduler.state_dict(), lit::optimizer_state(optimizer)}));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: optim_parity FOLDER\n");
        return 2;
    }
    at::set_num_threads(1);
    const std::string folder = argv[1];
    const Data data = read_data(folder);
    for (const bool fused : {true, false}) {
        struct Mode {
            std::string_view name;
            int accumulate;
            Clip clip;
        };
        for (const Mode& mode : {Mode{"plain", 1, Clip::none}, Mode{"accumulate", 4, Clip::none},
                                 Mode{"clip_norm", 1, Clip::norm}, Mode{"clip_value", 1, Clip::value},
                                 Mode{"accumulate_clip_norm", 3, Clip::norm}}) {
            const auto run = [&](const std::string& name, const MakeOptimizer& make) {
                train(folder, data, name + (fused ? ".fused." : ".default.") + std::string(mode.name), make,
                      mode.accumulate, mode.clip);
            };
            run("sgd", [&](Parameters p) -> Optimizer { return lit::SGD{p, {.lr = 0.1, .fused = fused}}; });
            run("sgd_momentum", [&](Parameters p) -> Optimizer {
                return lit::SGD{p, {.lr = 0.05, .momentum = 0.9, .fused = fused}};
            });
            run("sgd_nesterov", [&](Parameters p) -> Optimizer {
                return lit::SGD{
                    p, {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3, .nesterov = true, .fused = fused}};
            });
            run("sgd_dampening", [&](Parameters p) -> Optimizer {
                return lit::SGD{
                    p, {.lr = 0.05, .momentum = 0.9, .dampening = 0.3, .weight_decay = 1e-3, .fused = fused}};
            });
            run("adam", [&](Parameters p) -> Optimizer { return lit::Adam{p, {.lr = 3e-3, .fused = fused}}; });
            run("adam_decay_amsgrad", [&](Parameters p) -> Optimizer {
                return lit::Adam{p,
                                 {.lr = 3e-3,
                                  .betas = {0.8, 0.99},
                                  .weight_decay = 1e-2,
                                  .amsgrad = true,
                                  .fused = fused}};
            });
            run("adamw", [&](Parameters p) -> Optimizer { return lit::AdamW{p, {.lr = 3e-3, .fused = fused}}; });
            run("adamw_amsgrad", [&](Parameters p) -> Optimizer {
                return lit::AdamW{p, {.lr = 3e-3, .weight_decay = 0.1, .amsgrad = true, .fused = fused}};
            });
            run("adamw_maximize", [&](Parameters p) -> Optimizer {
                return lit::AdamW{p, {.lr = 1e-4, .maximize = true, .fused = fused}};
            });
        }
    }
    schedule(folder, "step_lr", lit::StepLR{{.step_size = 7, .gamma = 0.3}});
    schedule(folder, "exponential_lr", lit::ExponentialLR{{.gamma = 0.93}});
    schedule(folder, "cosine_annealing_lr", lit::CosineAnnealingLR{{.t_max = 17, .eta_min = 1e-3}});
    schedule(folder, "linear_lr", lit::LinearLR{{.start_factor = 0.1, .total_iters = 13}});
    schedule(folder, "linear_lr_default", lit::LinearLR{});
    schedule(folder, "constant_lr", lit::ConstantLR{{.factor = 0.3, .total_iters = 9}});
    schedule(folder, "lambda_lr", lit::LambdaLR{[](std::int64_t epoch) {
                 return 1.0 / (1.0 + 0.1 * static_cast<double>(epoch));
             }});
    schedule(folder, "reduce_lr_on_plateau",
             lit::ReduceLROnPlateau{{.factor = 0.7, .patience = 2, .cooldown = 1, .min_lr = 1e-3}});
    return 0;
}
