// SPDX-License-Identifier: Apache-2.0
#include "simulated_cuda/device.hpp"
#include "simulated_cuda/memory.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace simulated {
namespace {

const at::Generator& generator(c10::DeviceIndex of) {
    static const std::array<at::Generator, devices> each{at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{1}),
                                                         at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{2})};
    return each[static_cast<std::size_t>(of < 0 ? current_device : of)];
}

struct CUDAHooks final : at::CUDAHooksInterface {
    explicit CUDAHooks(at::CUDAHooksArgs) {}
    void init() const override {}
    [[nodiscard]] bool isBuilt() const override { return true; }
    [[nodiscard]] bool isAvailable() const override { return true; }
    [[nodiscard]] bool hasCUDA() const override { return true; }
    [[nodiscard]] bool hasCUDART() const override { return true; }
    [[nodiscard]] bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
    [[nodiscard]] c10::DeviceIndex deviceCount() const override { return devices; }
    [[nodiscard]] int getNumGPUs() const override { return devices; }
    void setCurrentDevice(c10::DeviceIndex to) const override { simulated::current_device = to; }
    [[nodiscard]] c10::DeviceIndex current_device() const override { return simulated::current_device; }
    [[nodiscard]] c10::DeviceIndex getCurrentDevice() const override { return simulated::current_device; }
    [[nodiscard]] c10::DeviceIndex exchangeDevice(c10::DeviceIndex to) const override {
        return std::exchange(simulated::current_device, to);
    }
    [[nodiscard]] c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex to) const override { return exchangeDevice(to); }
    [[nodiscard]] const at::Generator& getDefaultGenerator(c10::DeviceIndex of) const override { return generator(of); }
    [[nodiscard]] at::Device getDeviceFromPtr(void*) const override { return here(); }
    [[nodiscard]] bool isPinnedPtr(const void* data) const override { return PinnedAllocator::holds(data); }
    [[nodiscard]] c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator(); }
    [[nodiscard]] c10::Allocator* getCUDADeviceAllocator() const override { return &device_allocator(); }
};
struct Guard final : c10::impl::DeviceGuardImplInterface {
    [[nodiscard]] at::DeviceType type() const override { return at::kCUDA; }
    [[nodiscard]] at::Device exchangeDevice(at::Device to) const override {
        return {at::kCUDA, std::exchange(current_device, to.has_index() ? to.index() : current_device)};
    }
    [[nodiscard]] at::Device getDevice() const override { return here(); }
    void setDevice(at::Device to) const override { static_cast<void>(exchangeDevice(to)); }
    void uncheckedSetDevice(at::Device to) const noexcept override { static_cast<void>(exchangeDevice(to)); }
    [[nodiscard]] c10::DeviceIndex deviceCount() const noexcept override { return devices; }
    [[nodiscard]] c10::Stream getStream(at::Device on) const override { return stream(on, current_stream); }
    [[nodiscard]] c10::Stream getDefaultStream(at::Device on) const override { return stream(on, 0); }
    [[nodiscard]] c10::Stream getStreamFromGlobalPool(at::Device on, bool) const override { return stream(on, 1); }
    [[nodiscard]] c10::Stream exchangeStream(c10::Stream to) const override {
        return stream(to.device(), std::exchange(current_stream, static_cast<std::size_t>(to.id())));
    }
    void recordDataPtrOnStream(const c10::DataPtr& memory, const c10::Stream& stream) const override {
        Memory::all().record_stream(memory.get(), static_cast<std::size_t>(stream.id()));
    }
    void destroyEvent(void*, c10::DeviceIndex) const noexcept override {}
    void record(void** event, const c10::Stream& stream, c10::DeviceIndex, c10::EventFlag) const override {
        TORCH_CHECK(static_cast<std::size_t>(stream.id()) == current_stream, "simulated CUDA: only for the current stream");
        const std::lock_guard lock(account().mutex);
        *event = reinterpret_cast<void*>(Order::all().event());
    }
    void block(void* event, const c10::Stream& stream) const override {
        const std::lock_guard lock(account().mutex);
        Order::all().wait_for(reinterpret_cast<std::int64_t>(event), static_cast<std::size_t>(stream.id()));
    }
    [[nodiscard]] bool queryEvent(void*) const override { return true; }
    [[nodiscard]] bool queryStream(const c10::Stream&) const override { return true; }
    void synchronizeStream(const c10::Stream&) const override { account().waited("synchronisation of a stream"); }
    void synchronizeEvent(void*) const override { account().waited("synchronisation of an event"); }
    void synchronizeDevice(c10::DeviceIndex) const override { account().waited("synchronisation of the device"); }

 private:
    static c10::Stream stream(at::Device device, std::size_t number) {
        return c10::Stream(c10::Stream::UNSAFE, device.has_index() ? device : here(), static_cast<c10::StreamId>(number));
    }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard);

/// To at least so many bytes, as LibTorch grows it: what was there stays.
void resize_storage(c10::StorageImpl* storage, std::size_t bytes) {
    if (bytes <= storage->nbytes()) {
        return;
    }
    const c10::DeviceGuard guard(storage->device());
    c10::DataPtr grown = device_allocator().allocate(bytes);
    if (storage->nbytes() > 0) {
        device_allocator().copy_data(grown.get(), storage->data(), storage->nbytes());
    }
    storage->set_data_ptr_noswap(std::move(grown));
    storage->set_nbytes(bytes);
}

bool is_here(const at::Tensor& tensor) { return tensor.defined() && tensor.is_cuda(); }

/// The tensors of one call as the CPU's kernels see them.
class Call {
 public:
    explicit Call(std::string_view name) : name_(name) {}

    /// The same memory as a tensor of the CPU.
    at::Tensor outwards(const at::Tensor& tensor, bool alone, bool written) {
        if (!tensor.defined()) {
            return tensor;
        }
        if (!is_here(tensor)) {
            strangers_ += tensor.dim() > 0 || !alone;
            return tensor;
        }
        strangers_ += ours_ > 0 && tensor.device() != device_;
        device_ = tensor.device();
        ++ours_;
        used_.emplace_back(tensor, written);
        for (const auto& [mine, seen] : seen_) {
            if (mine.is_same(tensor)) {
                return seen;
            }
        }
        at::Tensor seen = at::detail::make_tensor<c10::TensorImpl>(
            storage_of(tensor), c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
        seen.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
        seen_.emplace_back(tensor, seen);
        return seen;
    }
    /// A result of the CPU's as a tensor of the device: an argument, a view of one, or something new.
    at::Tensor inwards(const at::Tensor& result) {
        if (!result.defined()) {
            return result;
        }
        for (const auto& [mine, seen] : seen_) {
            if (seen.is_same(result)) {
                return mine;
            }
        }
        for (const auto& [mine, seen] : seen_) {
            if (seen.storage().is_alias_of(result.storage())) {
                at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(
                    c10::TensorImpl::VIEW, c10::Storage(mine.storage()), mine.key_set(), result.dtype());
                view.unsafeGetTensorImpl()->set_sizes_and_strides(result.sizes(), result.strides(),
                                                                  result.storage_offset());
                return view;
            }
        }
        at::Tensor made =
            at::empty_strided(result.sizes(), result.strides(), result.options().device(device_));
        if (result.numel() > 0) {
            std::memcpy(Memory::all().host(made.storage().data()), result.const_data_ptr(),
                        std::min(made.storage().nbytes(),
                                 result.storage().nbytes() - static_cast<std::size_t>(result.storage_offset()) *
                                                                 result.element_size()));
        }
        uses(name_, {{made, true}});
        return made;
    }
    /// What the kernel has resized, as outputs are that come without a size, the device resizes too.
    void bring_back_resized() {
        for (const auto& [mine, seen] : seen_) {
            if (mine.sizes() == seen.sizes() && mine.strides() == seen.strides()) {
                continue;
            }
            resize_storage(mine.storage().unsafeGetStorageImpl(), seen.storage().nbytes());
            if (const std::size_t bytes = seen.storage().nbytes(); bytes > 0) {
                std::memmove(Memory::all().host(mine.storage().data()), seen.storage().data(), bytes);
            }
            mine.unsafeGetTensorImpl()->set_sizes_and_strides(seen.sizes(), seen.strides(), seen.storage_offset());
        }
    }
    [[nodiscard]] at::Device device() const { return device_; }
    void begin_copy() const { uses(name_, used_); }
    void begin() const {
        uses(name_, used_);
        if (ours_ > 0 && strangers_ > 0) {
            throw std::runtime_error("Expected all tensors to be on the same device, but found others in " + name_);
        }
    }

 private:
    c10::Storage storage_of(const at::Tensor& tensor) {
        for (const auto& [mine, seen] : seen_) {
            if (mine.storage().is_alias_of(tensor.storage())) {
                return seen.storage();
            }
        }
        const c10::Storage& storage = tensor.storage();
        std::byte* place = storage.data() == nullptr ? nullptr : Memory::all().host(storage.data());
        return {c10::Storage::use_byte_size_t{}, storage.nbytes(), c10::DataPtr(place, at::Device(at::kCPU)),
                at::getCPUAllocator(), true};
    }

    std::string name_;
    std::vector<std::pair<at::Tensor, at::Tensor>> seen_;
    std::vector<std::pair<at::Tensor, bool>> used_;
    at::Device device_ = here();
    int ours_ = 0;
    int strangers_ = 0;
};

/// The shape of the result is in the data, or the result is the host's.
const std::set<std::string_view> waiting = {
    "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::_unique2",
    "aten::unique_dim", "aten::unique_consecutive", "aten::bincount", "aten::repeat_interleave"};

void as_the_cpu_does(const c10::OperatorHandle& op, c10::DispatchKeySet /*keys*/, torch::jit::Stack* stack) {
    const auto& schema = op.schema();
    const std::string& name = schema.name();
    Call call(name);
    const std::size_t first = stack->size() - schema.arguments().size();
    for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
        c10::IValue& value = (*stack)[first + i];
        const auto* alias = schema.arguments()[i].alias_info();
        const bool written = alias != nullptr && alias->isWrite();
        if (value.isTensor()) {
            value = call.outwards(value.toTensor(), true, written);
        } else if (value.isTensorList()) {
            c10::List<at::Tensor> seen;
            for (const at::Tensor& tensor : value.toTensorVector()) {
                seen.push_back(call.outwards(tensor, false, written));
            }
            value = std::move(seen);
        } else if (value.isOptionalTensorList()) {
            c10::List<std::optional<at::Tensor>> seen;
            for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
                if (tensor && tensor->defined() && tensor->scalar_type() == at::kBool) {
                    account().waited(name + " by a mask");
                }
                seen.push_back(tensor ? std::optional(call.outwards(*tensor, false, written)) : std::nullopt);
            }
            value = std::move(seen);
        } else if (value.isDevice()) {
            value = at::Device(at::kCPU);
        } else if (value.isNone() && schema.arguments()[i].name() == "generator") {
            value = generator(call.device().index());
        }
    }
    call.begin();
    if (waiting.contains(name)) {
        account().waited(name);
    }
    {
        const at::AutoDispatchBelowADInplaceOrView no_autograd;
        op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
    }
    call.bring_back_resized();
    const std::size_t results = stack->size() - schema.returns().size();
    for (std::size_t i = results; i < stack->size(); ++i) {
        c10::IValue& value = (*stack)[i];
        if (value.isTensor()) {
            value = call.inwards(value.toTensor());
        } else if (value.isTensorList()) {
            c10::List<at::Tensor> mine;
            for (const at::Tensor& tensor : value.toTensorVector()) {
                mine.push_back(call.inwards(tensor));
            }
            value = std::move(mine);
        }
    }
}

constexpr c10::DispatchKeySet keys(c10::DispatchKey::CUDA);

at::Tensor empty(at::IntArrayRef sizes, std::optional<at::ScalarType> dtype, std::optional<at::Layout> /*layout*/,
                 std::optional<at::Device> on, std::optional<bool> /*pin_memory*/, std::optional<at::MemoryFormat> format) {
    const c10::DeviceGuard guard(on.value_or(here()));
    return at::Tensor(at::detail::empty_generic(sizes, &device_allocator(), keys,
                                                dtype.value_or(at::get_default_dtype_as_scalartype()), format));
}
at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout> /*layout*/, std::optional<at::Device> on,
                         std::optional<bool> /*pin_memory*/) {
    const c10::DeviceGuard guard(on.value_or(here()));
    return at::Tensor(at::detail::empty_strided_generic(sizes, strides, &device_allocator(), keys,
                                                        dtype.value_or(at::get_default_dtype_as_scalartype())));
}

at::Tensor& copy(at::Tensor& to, const at::Tensor& from, bool non_blocking) {
    Call call("copy_");
    const at::Tensor source = call.outwards(from, true, false);
    const at::Tensor target = call.outwards(to, true, true);
    call.begin_copy();
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    if (is_here(from) && is_here(to)) {
        target.copy_(source);
    } else if (is_here(to)) {
        {
            const std::lock_guard lock(account().mutex);
            ++(from.is_pinned() ? account().copies.pinned : account().copies.pageable);
        }
        target.copy_(source);
        if (!non_blocking) {
            account().waited("copy to the device");
        }
    } else if (non_blocking && to.is_pinned()) {
        if (target.is_floating_point()) {
            target.fill_(std::numeric_limits<double>::quiet_NaN());
        } else {
            target.fill_(-1);
        }
        const std::lock_guard lock(account().mutex);
        account().arriving.emplace_back(target, source.clone());
    } else {
        account().waited("copy to the host");
        target.copy_(source);
    }
    return to;
}
const at::Tensor& resize(const at::Tensor& tensor, at::IntArrayRef sizes, std::optional<at::MemoryFormat> format) {
    TORCH_CHECK(!format, "simulated CUDA: resize_ to a memory format is not simulated");
    resize_storage(tensor.storage().unsafeGetStorageImpl(),
                   at::detail::computeStorageNbytesContiguous(sizes, tensor.element_size(),
                                                              static_cast<std::size_t>(tensor.storage_offset())));
    tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
    return tensor;
}
at::Tensor& set(at::Tensor& tensor, at::Storage storage, std::int64_t offset, at::IntArrayRef sizes,
                at::IntArrayRef strides) {
    TORCH_CHECK(storage.device() == tensor.device(), "Attempted to set the storage of a tensor on device \"", tensor.device(),
                "\" to a storage on different device \"", storage.device(), "\".");
    tensor.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(storage));
    tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides, offset);
    return tensor;
}
void record_stream(at::Tensor& /*self*/, c10::Stream /*stream*/) {}

TORCH_LIBRARY_IMPL(_, CUDA, library) {
    library.fallback(torch::CppFunction::makeFromBoxedFunction<&as_the_cpu_does>());
}
TORCH_LIBRARY_IMPL(aten, CUDA, library) {
    library.impl("empty.memory_format", &empty);
    library.impl("empty_strided", &empty_strided);
    library.impl("copy_", &copy);
    library.impl("resize_", &resize);
    library.impl("set_.source_Storage_storage_offset", &set);
    library.impl("record_stream", &record_stream);
}

const bool allocates = [] {
    c10::SetAllocator(at::kCUDA, &device_allocator());
    return true;
}();

}  // namespace
}  // namespace simulated

namespace at {
using simulated::CUDAHooks;
REGISTER_CUDA_HOOKS(CUDAHooks);
}  // namespace at

namespace simulated {

std::vector<std::string> waits() {
    const std::lock_guard lock(account().mutex);
    return account().waits;
}
Copies copies() {
    const std::lock_guard lock(account().mutex);
    return account().copies;
}
std::vector<std::string> races() {
    const std::lock_guard lock(account().mutex);
    return account().races;
}
std::vector<std::int64_t> operations() {
    const std::lock_guard lock(account().mutex);
    return {Order::all().given().begin(), Order::all().given().end()};
}
void forget() {
    const std::lock_guard lock(account().mutex);
    account().waits.clear();
    account().races.clear();
    Order::all().forget();
    account().copies = {};
}

}  // namespace simulated
