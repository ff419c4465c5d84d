// SPDX-License-Identifier: Apache-2.0
// mistake: An averaging function without the third argument
// lightning: TypeError at the second update of the average
// expect: lit: the averaging function of WeightAveraging is called as f(at::Tensor& averaged
#include <lit/callbacks/weight_averaging.hpp>

int main() {
#ifdef LIT_GOOD
    const auto average = [](const at::Tensor& averaged, const at::Tensor& current, std::int64_t) {
        return 0.5 * averaged + 0.5 * current;
    };
#else
    const auto average = [](const at::Tensor& averaged, const at::Tensor& current) {
        return 0.5 * averaged + 0.5 * current;
    };
#endif
    const lit::WeightAveraging averaging{{}, average};
}
