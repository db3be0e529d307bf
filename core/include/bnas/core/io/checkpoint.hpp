// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bnas/core/io/safetensors.hpp"

namespace bnas {

/// Everything from which a child network trains on, bit for bit: tensors by name (weights, buffers, optimizer slots;
/// see put_tensor) and counters (epoch, step, images seen). Metadata keys that begin with "bnas." belong to the store.
struct Checkpoint {
  TensorFile state;
  std::map<std::string, std::int64_t> counters;

  /// The counter, or a `bad_data` Error that names it.
  std::int64_t counter(const std::string& name) const;
};

/// What load() found.
struct LoadedCheckpoint {
  Checkpoint checkpoint;
  std::filesystem::path path;         ///< the generation that was taken
  std::vector<std::string> problems;  ///< why the other one was passed over; for the log
};

/// Two generations of one child's checkpoint, the safetensors files checkpoint-A and checkpoint-B of its directory.
/// save() replaces the older one atomically, so that one is whole at any moment. Each holds the SHA-256 of the whole
/// file, and the run and the trial it belongs to. One thread uses a store; one store at a time owns a directory.
class CheckpointStore {
 public:
  /// `run_id` is 1 to 64 of A-Z a-z 0-9 . _ - . Makes the directory when it is not there.
  CheckpointStore(std::filesystem::path directory, std::string run_id, std::int64_t trial,
                  FileOps& ops = system_file_ops());

  /// Throws `io` when it cannot be written (the newest generation stands), `bad_data` when a number is not finite.
  void save(Checkpoint checkpoint);

  /// The newest whole generation; nothing where none was ever saved. When generations exist but none is whole, or one
  /// belongs to another run or trial, a `bad_data` Error says so: delete the directory to start the child anew.
  std::optional<LoadedCheckpoint> load();

 private:
  struct Slot;
  std::filesystem::path slot_path(int slot) const;
  Slot read_slot(int slot) const;
  Checkpoint verified(int slot, std::int64_t& generation) const;
  void scan();

  std::filesystem::path directory_;
  std::string run_id_;
  std::int64_t trial_;
  FileOps& ops_;
  bool scanned_ = false;
  int newest_slot_ = 1;  ///< of the two, 0 and 1; the first save goes to the other one
  std::int64_t newest_generation_ = 0;
};

}  // namespace bnas
