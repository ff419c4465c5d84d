// SPDX-License-Identifier: Apache-2.0
// variant of: callback_batch_hook_with_wrong_batch
// expect: this callback has a member on_train_batch_end that cannot be called as on_train_batch_end(trainer, module, outputs, batch, batch_idx)
#include <lit/callbacks/lambda_callback.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <string>
#include <vector>

struct Net : lit::Module<Net> {
    at::Tensor training_step(const at::Tensor& batch);
    lit::SGD configure_optimizers();
};

int main() {
    Net net;
    std::vector<at::Tensor> batches;
#ifdef LIT_GOOD
    lit::LambdaCallback callback{lit::hook<"on_train_batch_end">([](auto& /*trainer*/, auto& /*module*/,
                                                                    const lit::StepOutput& /*outputs*/,
                                                                    const at::Tensor& /*batch*/) {})};
#else
    lit::LambdaCallback callback{lit::hook<"on_train_batch_end">([](auto& /*trainer*/, auto& /*module*/,
                                                                    const lit::StepOutput& /*outputs*/,
                                                                    const std::string& /*batch*/) {})};
#endif
    lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, callback};
    trainer.fit(net, batches);
}
