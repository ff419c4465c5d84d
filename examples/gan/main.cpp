// SPDX-License-Identifier: Apache-2.0
// A GAN on Fashion-MNIST: two networks, two optimizers and two schedules, all stepped by the module itself.
//
// usage: gan [epochs (5)] [batches of an epoch, 0: all (0)] [folder of the data set]
// Writes gan.ppm, a sheet of 8 x 8 made-up pieces of clothing, into the working folder.
#include <lit/lit.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <tuple>

namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

struct HParams {
    std::int64_t latent = 64;  ///< numbers that an image is made from
    std::int64_t width = 256;  ///< hidden units of both networks
    double lr = 2e-4;
    double gamma = 0.9;        ///< both learning rates are multiplied with it after each epoch
};

struct Gan : lit::Module<Gan, HParams> {
    using Logs = lit::Logs<"g_loss", "d_loss", "d_real", "d_fake">;
    static constexpr bool automatic_optimization = false;

    nn::Sequential generator, discriminator;
    lit::MeanMetric on_real, on_fake;  // what the discriminator thinks of an epoch's images

    explicit Gan(HParams h = {}) : Module(h) {
        const auto leaky = nn::LeakyReLUOptions().negative_slope(0.2);
        generator = register_module(
            "generator", nn::Sequential(nn::Linear(h.latent, h.width), nn::LeakyReLU(leaky), nn::Linear(h.width, h.width),
                                        nn::LeakyReLU(leaky), nn::Linear(h.width, 28 * 28), nn::Tanh()));
        discriminator = register_module(
            "discriminator", nn::Sequential(nn::Linear(28 * 28, h.width), nn::LeakyReLU(leaky),
                                            nn::Linear(h.width, h.width), nn::LeakyReLU(leaky), nn::Linear(h.width, 1)));
    }

    /// Shapes  [n, 784] in -1 to 1.
    torch::Tensor made_up(std::int64_t n) {
        return generator->forward(torch::randn({n, hparams.latent}, generator->parameters()[0].options()));
    }
    static torch::Tensor judged(const torch::Tensor& scores, bool real) {
        return F::binary_cross_entropy_with_logits(scores, real ? torch::ones_like(scores) : torch::zeros_like(scores));
    }

    void training_step(auto& trainer, const lit::Example& batch) {
        auto& [g, d] = trainer.optimizers();
        const torch::Tensor& real = batch.data;
        {
            // The discriminator's parameters need no gradients while the generator learns to please it.
            const auto toggled = trainer.toggled_optimizer(g);
            const auto loss = judged(discriminator->forward(made_up(real.size(0))), true);
            g.zero_grad();
            trainer.manual_backward(loss);
            g.step();
            log<"g_loss">(loss, {.prog_bar = true});
        }
        const auto toggled = trainer.toggled_optimizer(d);
        const auto of_real = discriminator->forward(real);
        const auto of_fake = discriminator->forward(made_up(real.size(0)).detach());
        const auto loss = (judged(of_real, true) + judged(of_fake, false)) / 2;
        d.zero_grad();
        trainer.manual_backward(loss);
        d.step();
        log<"d_loss">(loss, {.prog_bar = true});

        on_real.update(of_real.detach().sigmoid());
        on_fake.update(of_fake.detach().sigmoid());
        log<"d_real", lit::LogOptions{.on_step = false, .on_epoch = true}>(on_real);
        log<"d_fake", lit::LogOptions{.on_step = false, .on_epoch = true}>(on_fake);
    }
    void on_train_epoch_end(auto& trainer) {
        auto& [g, d] = trainer.lr_schedulers();
        g.step();
        d.step();
    }
    auto configure_optimizers() {
        const auto adam = [this](nn::Sequential& net) {
            return lit::OptimizerConfig{
                .optimizer = lit::Adam{net->parameters(), {.lr = hparams.lr, .betas = {0.5, 0.999}}},
                .lr_scheduler = lit::ExponentialLR{{.gamma = hparams.gamma}}};
        };
        return std::tuple{adam(generator), adam(discriminator)};
    }
};

/// Bytes [n, 28, 28] to floats [n, 784] in -1 to 1.
lit::Example flattened(lit::Example batch) {
    return {batch.data.to(torch::kFloat).div_(127.5).sub_(1).flatten(1), batch.target};
}

/// 64 images as one picture that any viewer shows.
void write_sheet(const std::string& path, const torch::Tensor& images) {
    const auto sheet = images.view({8, 8, 28, 28}).permute({0, 2, 1, 3}).reshape({8 * 28, 8 * 28});
    const auto bytes = sheet.add(1).mul(127.5).to(torch::kByte).unsqueeze(-1).expand({-1, -1, 3}).contiguous();
    std::ofstream file(path, std::ios::binary);
    file << "P6 " << 8 * 28 << ' ' << 8 * 28 << " 255\n";
    file.write(static_cast<const char*>(bytes.const_data_ptr()), bytes.numel());
    if (!file.flush()) {
        throw lit::FileError("cannot write the images to " + path + ".");
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const std::int64_t epochs = argc > 1 ? std::stoll(argv[1]) : 5;
        const std::int64_t batches = argc > 2 ? std::stoll(argv[2]) : 0;
        lit::seed_everything(1);
        Gan gan;
        lit::DataLoader images{
            lit::mapped(argc > 3 ? lit::FashionMNIST{argv[3]} : lit::FashionMNIST{}, flattened),
            {.batch_size = 128, .shuffle = true, .drop_last = true, .num_workers = 1, .seed = 1}};
        auto trainer = lit::default_trainer(
            {.max_epochs = epochs, .limit_train_batches = batches > 0 ? lit::Limit(batches) : lit::Limit(1.0),
             .log_every_n_steps = 10});
        trainer.fit(gan, images);

        const torch::NoGradGuard no_grad;
        write_sheet("gan.ppm", gan.made_up(64));
        std::printf("\ng_loss %.3f  d_loss %.3f  real %.2f  made up %.2f  -> gan.ppm\n",
                    *trainer.callback_metrics().value("g_loss"), *trainer.callback_metrics().value("d_loss"),
                    *trainer.callback_metrics().value("d_real"), *trainer.callback_metrics().value("d_fake"));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gan: %s\n", error.what());
        return 1;
    }
}
