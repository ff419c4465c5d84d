// SPDX-License-Identifier: Apache-2.0
// mistake: Two closures for one hook
// lightning: SyntaxError: an argument given twice
// expect: lit: this LambdaCallback was given two closures for one hook
#include <lit/callbacks/lambda_callback.hpp>

int main() {
#ifdef LIT_GOOD
    lit::LambdaCallback callback{lit::hook<"on_train_start">([] {}), lit::hook<"on_train_end">([] {})};
#else
    lit::LambdaCallback callback{lit::hook<"on_train_start">([] {}), lit::hook<"on_train_start">([] {})};
#endif
    static_cast<void>(callback);
}
