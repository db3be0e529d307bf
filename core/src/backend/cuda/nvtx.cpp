// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/nvtx.hpp"

#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <unordered_map>

namespace bnas::cuda_backend {
namespace {

constexpr std::array kCategories = {"search", "child", "epoch", "step", "kernel", "io"};  // as TraceCategory

/// Lives until the program ends: threads may still close ranges while static objects die.
class NvtxSink final : public TraceSink {
 public:
  explicit NvtxSink(nvtxDomainHandle_t domain) : domain_(domain) {
    for (std::uint32_t i = 0; i < kCategories.size(); ++i) {
      nvtxDomainNameCategoryA(domain_, number(static_cast<TraceCategory>(i)), kCategories[i]);
    }
  }

  void begin(TraceCategory category, const char* name, std::int64_t id) noexcept override {
    nvtxEventAttributes_t attributes = {};
    attributes.version = NVTX_VERSION;
    attributes.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
    attributes.category = number(category);
    attributes.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
    attributes.message.registered = registered(name);
    if (id >= 0) {
      attributes.payloadType = NVTX_PAYLOAD_TYPE_INT64;
      attributes.payload.llValue = id;
    }
    nvtxDomainRangePushEx(domain_, &attributes);
  }

  void end() noexcept override { nvtxDomainRangePop(domain_); }

  void name_thread(const std::string& name) noexcept override {
    nvtxNameOsThreadA(static_cast<std::uint32_t>(syscall(SYS_gettid)), name.c_str());
  }

 private:
  static std::uint32_t number(TraceCategory category) { return static_cast<std::uint32_t>(category) + 1; }  // 0 is none

  nvtxStringHandle_t registered(const char* name) {
    const std::lock_guard lock(mutex_);
    const auto [entry, added] = strings_.try_emplace(name);
    if (added) {
      entry->second = nvtxDomainRegisterStringA(domain_, name);
    }
    return entry->second;
  }

  nvtxDomainHandle_t domain_;
  std::mutex mutex_;
  std::unordered_map<const char*, nvtxStringHandle_t> strings_;  // by address: names are static texts
};

}  // namespace

TraceSink* nvtx_sink() {
  static NvtxSink* const sink = [] {
    const nvtxDomainHandle_t domain = nvtxDomainCreateA("bnas");  // null without a tool
    return domain == nullptr ? nullptr : new NvtxSink(domain);
  }();
  return sink;
}

void nvtx_name_stream(CUstream_st* stream, const char* name) { nvtxNameCudaStreamA(stream, name); }

}  // namespace bnas::cuda_backend
