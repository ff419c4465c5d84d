// SPDX-License-Identifier: Apache-2.0
// Includes nothing: all of it is in lit::pch.

int main() {
    const torch::nn::Linear layer(2, 1);
    const lit::TrainerOptions options{.max_epochs = 3};
    std::cout << "precompiled header: " << (layer->weight.numel() == 2 && options.max_epochs == 3 ? "works" : "fails") << '\n';
}
