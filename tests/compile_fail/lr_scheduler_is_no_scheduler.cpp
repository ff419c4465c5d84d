// SPDX-License-Identifier: Apache-2.0
// mistake: An lr_scheduler that is none
// lightning: AttributeError when fit begins
// expect: lit: this lr_scheduler is no scheduler. Expected initialize(optimizer)
#include <lit/optim/configuration.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/sgd.hpp>

#include <utility>
#include <vector>

int main() {
    lit::SGD optimizer{std::vector<at::Tensor>{}, {}};
#ifdef LIT_GOOD
    auto configured = lit::detail::configure(
        lit::OptimizerConfig{.optimizer = std::move(optimizer), .lr_scheduler = lit::LinearLR{}});
#else
    auto configured =
        lit::detail::configure(lit::OptimizerConfig{.optimizer = std::move(optimizer), .lr_scheduler = 0.1});
#endif
}
