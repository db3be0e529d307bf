// SPDX-License-Identifier: Apache-2.0
#include "ptx/module.hpp"

#include "ptx/contents.hpp"
#include "ptx/decoder.hpp"

namespace bnas::emu {

PtxError::PtxError(int line, const std::string& text)
    : std::runtime_error(line > 0 ? "PTX line " + std::to_string(line) + ": " + text : "PTX: " + text), line_(line) {}

Module::Module() : contents_(std::make_unique<ModuleContents>()) {}
Module::~Module() = default;

std::unique_ptr<Module> Module::load(std::string_view ptx) {
  std::unique_ptr<Module> module(new Module);
  parse_module(ptx, *module->contents_);
  return module;
}

std::vector<std::string> Module::kernels() const { return contents_->kernels; }

const KernelInfo* Module::kernel(std::string_view mangled) const {
  const auto it = contents_->functions.find(mangled);
  return it == contents_->functions.end() || !it->second.entry ? nullptr : &it->second.info;
}

void* Module::variable(std::string_view name, std::size_t* bytes) {
  const auto it = contents_->variables.find(name);
  if (it == contents_->variables.end()) {
    return nullptr;
  }
  if (bytes != nullptr) {
    *bytes = it->second.bytes;
  }
  return it->second.data.get();
}

std::string_view Module::line(int number) const {
  const auto index = static_cast<std::size_t>(number - 1);
  return number >= 1 && index < contents_->lines.size() ? std::string_view(contents_->lines[index]) : "";
}

std::string Module::place(const SourceLocation& location) const {
  const auto named = [this](int number, int line) {
    const auto file = contents_->files.find(number);
    return (file == contents_->files.end() ? "file " + std::to_string(number) : file->second) + ":" +
           std::to_string(line);
  };
  const std::string inner = named(location.file, location.line);
  return location.outer_line == 0 ? inner
                                  : inner + " (inlined at " + named(location.outer_file, location.outer_line) + ")";
}

std::shared_ptr<const Program> Module::program(std::string_view mangled, Binder bind) const {
  const std::lock_guard lock(contents_->mutex);
  if (const auto it = contents_->programs.find(mangled); it != contents_->programs.end()) {
    return it->second;
  }
  const auto it = contents_->functions.find(mangled);
  if (it == contents_->functions.end() || !it->second.entry) {
    throw PtxError(0, "there is no kernel '" + std::string(mangled) + "'");
  }
  auto program = std::make_shared<const Program>(decode_kernel(*contents_, it->second, bind));
  contents_->programs.emplace(mangled, program);
  return program;
}

}  // namespace bnas::emu
