// SPDX-License-Identifier: Apache-2.0
// variant of: lambda_callback_with_an_unknown_hook
// expect: lit: callbacks have no hook of this name
#include <lit/callbacks/lambda_callback.hpp>

int main() {
#ifdef LIT_GOOD
    lit::LambdaCallback callback{lit::hook<"on_train_start">([](auto& /*trainer*/, auto& /*module*/) {})};
#else
    lit::LambdaCallback callback{lit::hook<"training_step">([](auto& /*trainer*/, auto& /*module*/) {})};
#endif
    static_cast<void>(callback);
}
