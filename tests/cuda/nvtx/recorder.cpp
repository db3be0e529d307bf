// SPDX-License-Identifier: Apache-2.0
// A tool in the sense of NVTX, as a profiler is one: the program under test loads it because NVTX_INJECTION64_PATH
// names it. It writes each call that bnas makes as a line of the file that NVTX_RECORD names.
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

namespace {

std::FILE* const file = std::fopen(std::getenv("NVTX_RECORD"), "w");

void record(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::fprintf(file, "%s\n", line.c_str());
  std::fflush(file);
}

// Handles are pointers to the text they stand for.
template <class Handle>
const char* text_of(Handle handle) {
  return reinterpret_cast<const char*>(handle);
}
template <class Handle>
Handle handle_of(const char* text) {
  static std::vector<std::string*> texts;
  texts.push_back(new std::string(text));
  return reinterpret_cast<Handle>(texts.back()->data());
}

nvtxDomainHandle_t create_domain(const char* name) {
  record(std::string("domain ") + name);
  return handle_of<nvtxDomainHandle_t>(name);
}
nvtxStringHandle_t register_string(nvtxDomainHandle_t, const char* text) { return handle_of<nvtxStringHandle_t>(text); }
void name_category(nvtxDomainHandle_t, uint32_t category, const char* name) {
  record("category " + std::to_string(category) + " " + name);
}
int push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  const bool known = event->messageType == NVTX_MESSAGE_TYPE_REGISTERED;
  const bool numbered = event->payloadType == NVTX_PAYLOAD_TYPE_INT64;
  record(std::string("push ") + text_of(domain) + " " + std::to_string(event->category) + " " +
         (known ? text_of(event->message.registered) : "?") + " " +
         (numbered ? std::to_string(event->payload.llValue) : "-"));
  return 0;
}
int pop(nvtxDomainHandle_t domain) {
  record(std::string("pop ") + text_of(domain));
  return 0;
}
void name_thread(uint32_t, const char* name) { record(std::string("thread ") + name); }
void name_stream(cudaStream_t, const char* name) { record(std::string("stream ") + name); }

template <class Function>
void put(const NvtxExportTableCallbacks* callbacks, NvtxCallbackModule module, unsigned id, Function* function) {
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks->GetModuleFunctionTable(module, &table, &size) != 0 && id < size) {
    *table[id] = reinterpret_cast<NvtxFunctionPointer>(function);
  }
}

}  // namespace

extern "C" int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t export_table) {
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(export_table(NVTX_ETID_CALLBACKS));
  put(callbacks, NVTX_CB_MODULE_CORE2, NVTX_CBID_CORE2_DomainCreateA, create_domain);
  put(callbacks, NVTX_CB_MODULE_CORE2, NVTX_CBID_CORE2_DomainRegisterStringA, register_string);
  put(callbacks, NVTX_CB_MODULE_CORE2, NVTX_CBID_CORE2_DomainNameCategoryA, name_category);
  put(callbacks, NVTX_CB_MODULE_CORE2, NVTX_CBID_CORE2_DomainRangePushEx, push);
  put(callbacks, NVTX_CB_MODULE_CORE2, NVTX_CBID_CORE2_DomainRangePop, pop);
  put(callbacks, NVTX_CB_MODULE_CORE, NVTX_CBID_CORE_NameOsThreadA, name_thread);
  put(callbacks, NVTX_CB_MODULE_CUDART, NVTX_CBID_CUDART_NameCudaStreamA, name_stream);
  return 1;
}
