// SPDX-License-Identifier: Apache-2.0
// mistake: A closure that is not said which hook it is for
// lightning: Taken for `setup`, the first argument: TypeError when fit begins
// expect: lit: LambdaCallback takes closures under the names of hooks
#include <lit/callbacks/lambda_callback.hpp>

int main() {
#ifdef LIT_GOOD
    lit::LambdaCallback callback{lit::hook<"on_train_start">([] {})};
#else
    lit::LambdaCallback callback{[] {}};
#endif
    static_cast<void>(callback);
}
