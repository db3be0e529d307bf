// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bnas::emu {

/// PTX that cannot be read or executed: malformed text, or an instruction that is not supported.
class PtxError : public std::runtime_error {
 public:
  PtxError(int line, const std::string& text);
  int line() const { return line_; }  ///< of the PTX text, from 1; 0 where no line is meant

 private:
  int line_;
};

struct KernelParameter {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

/// What the text says about a kernel.
struct KernelInfo {
  std::string name;  ///< mangled
  std::vector<KernelParameter> parameters;
  std::size_t parameter_bytes = 0;
  std::size_t static_shared_bytes = 0;
  std::size_t local_bytes = 0;         ///< per thread: arrays and spills of the kernel itself
  unsigned max_threads_per_block = 0;  ///< product of .maxntid or .reqntid; 0 where nothing is said
  unsigned min_blocks_per_processor = 0;
};

struct ModuleContents;
struct Program;
struct Instruction;
struct SourceLocation;
class Statement;
/// Chooses how a parsed instruction is executed.
using Binder = void (*)(const Statement&, Instruction&);

/// One PTX text, immutable after load except for the contents of its variables. Several devices need a module each.
class Module {
 public:
  /// Throws PtxError.
  static std::unique_ptr<Module> load(std::string_view ptx);
  ~Module();

  std::vector<std::string> kernels() const;  ///< mangled names, in the order of the text
  const KernelInfo* kernel(std::string_view mangled) const;

  /// Address of a __device__ or __constant__ variable, for host code and for kernels alike; null when there is none.
  void* variable(std::string_view name, std::size_t* bytes = nullptr);

  /// A line of the text, from 1, without leading blanks.
  std::string_view line(int number) const;
  /// "file:line (inlined at file:line)" of the CUDA source.
  std::string place(const SourceLocation& location) const;
  /// The decoded form of a kernel, made with `bind` when first asked for (by any thread). Throws PtxError.
  std::shared_ptr<const Program> program(std::string_view mangled, Binder bind) const;
  const ModuleContents& contents() const { return *contents_; }

 private:
  Module();
  std::unique_ptr<ModuleContents> contents_;
};

}  // namespace bnas::emu
