// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/loader.hpp>

#include <concepts>
#include <type_traits>

namespace lit {

template <class D>
concept HasTrainLoader = requires(D& data) {
    { data.train_dataloader() } -> LoaderSource;
};
template <class D>
concept HasValLoader = requires(D& data) {
    { data.val_dataloader() } -> LoaderSource;
};
template <class D>
concept HasTestLoader = requires(D& data) {
    { data.test_dataloader() } -> LoaderSource;
};
template <class D>
concept HasPredictLoader = requires(D& data) {
    { data.predict_dataloader() } -> LoaderSource;
};

/// Says where the data of a run come from. Write only what the run needs:
///
/// train_dataloader(), val_dataloader(), test_dataloader(), predict_dataloader()
///                      return a loader, a range or tuple of loaders, or a reference or pointer to one that
///                      is kept.
/// prepare_data()       once per machine, before the ranks split: download, unpack. Must not assign to
///                      members.
/// setup(stage)         on every rank, before the loaders are asked for.
/// teardown(stage)      on every rank, at the end of the run.
/// state_dict(), load_state_dict(state), on_before_batch_transfer(batch, ...), on_exception(error),
/// transfer_batch_to_device(batch, ...), on_after_batch_transfer(batch, ...)
///                      as in Lightning.
/// hparams              optional: a member that is an aggregate, as a module's; stored in checkpoints and given to the
///                      loggers with the module's.
/// Models               whatever derives from DataModule<Self>, or has one of the four loaders and is no
///                      loader itself.
template <class D>
concept DataModulePolicy =
    !LoaderSource<D> &&
    (HasTrainLoader<std::remove_reference_t<D>> || HasValLoader<std::remove_reference_t<D>> ||
     HasTestLoader<std::remove_reference_t<D>> || HasPredictLoader<std::remove_reference_t<D>>);

/// Base of a data module: `struct Digits : lit::DataModule<Digits> { auto train_dataloader(); ... };`
///
/// It names no hook itself, so that what is found by name is what the user wrote, and it adds no byte.
///
/// Errors  does not compile when `Self` has none of the four loaders, or only ones that return no loader.
/// Source  Lightning `LightningDataModule`.
template <class Self>
class DataModule {
 public:
    DataModule() noexcept {
        static_assert(std::derived_from<Self, DataModule>,
                      "lit: write struct X : lit::DataModule<X>, with the class itself in the brackets.");
        static_assert(
            DataModulePolicy<Self>,
            "lit: a class derived from lit::DataModule needs at least one of train_dataloader(), "
            "val_dataloader(), test_dataloader(), predict_dataloader(), callable without arguments and "
            "returning a loader (lit::DataLoader, a container of batches) or a range of loaders.");
    }
};

}  // namespace lit
