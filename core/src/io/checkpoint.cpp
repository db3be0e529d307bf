// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas {
namespace {

constexpr std::string_view kReserved = "bnas.";
constexpr std::string_view kCounter = "bnas.counter.";
constexpr const char* kFormat = "bnas.format";
constexpr const char* kFormatVersion = "checkpoint-1";
constexpr const char* kRun = "bnas.run";
constexpr const char* kTrial = "bnas.trial";
constexpr const char* kGeneration = "bnas.generation";
constexpr const char* kDigest = "bnas.sha256";

/// Larger files are not ours: the largest network of a space stays far below.
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 32U;

[[noreturn]] void corrupt(const std::string& message) { throw Error(ErrorKind::bad_data, message); }

// A whole checkpoint of somebody else: never to be used, overwritten or passed over.
struct ForeignCheckpoint : Error {
  using Error::Error;
};

// The digest's digits within the file. Quotation marks of other metadata are escaped, so the key is found only once.
std::span<std::uint8_t> digest_field(Bytes& file) {
  const std::string key = fmt::format("\"{}\":\"", kDigest);
  const auto found = std::search(file.begin(), file.end(), key.begin(), key.end());
  const auto begin = static_cast<std::size_t>(found - file.begin()) + key.size();
  if (found == file.end() || file.size() - begin < Sha256::kHexDigits) {
    corrupt("it has no digest");
  }
  return std::span(file).subspan(begin, Sha256::kHexDigits);
}

// The digest of a file is that of its bytes with zeros in the digest's place.
std::string digest_of(Bytes& file) {
  const std::span<std::uint8_t> field = digest_field(file);
  std::fill(field.begin(), field.end(), '0');
  return sha256_hex(file);
}

const std::string& metadata_at(const TensorFile& file, const std::string& key) {
  const auto it = file.metadata.find(key);
  if (it == file.metadata.end()) {
    corrupt("it lacks " + key);
  }
  return it->second;
}

std::int64_t number(const std::string& key, const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    corrupt(key + " is not an integer");
  }
  return value;
}

bool valid_run_id(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !id.empty() && id.size() <= 64 && id != "." && id != ".." && std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace

std::int64_t Checkpoint::counter(const std::string& name) const {
  const auto it = counters.find(name);
  if (it == counters.end()) {
    corrupt("the checkpoint has no counter '" + name + "'; was it written by another version?");
  }
  return it->second;
}

struct CheckpointStore::Slot {
  bool exists = false;
  std::optional<Checkpoint> checkpoint;  // set when whole
  std::int64_t generation = 0;
  std::string problem;  // why not
};

CheckpointStore::CheckpointStore(std::filesystem::path directory, std::string run_id, std::int64_t trial, FileOps& ops)
    : directory_(std::move(directory)), run_id_(std::move(run_id)), trial_(trial), ops_(ops) {
  if (!valid_run_id(run_id_)) {
    throw Error(ErrorKind::usage, "run id '" + run_id_ + "' is not 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  make_directories(directory_);
}

std::filesystem::path CheckpointStore::slot_path(int slot) const {
  return directory_ / (slot == 0 ? "checkpoint-A.safetensors" : "checkpoint-B.safetensors");
}

Checkpoint CheckpointStore::verified(int slot, std::int64_t& generation) const {
  TensorFileLimits limits;
  limits.file_bytes = kMaxFileBytes;
  const std::filesystem::path path = slot_path(slot);
  Bytes bytes = read_file(path, kMaxFileBytes);
  Checkpoint checkpoint;
  checkpoint.state = parse_tensors(bytes, path.string(), limits);
  auto& metadata = checkpoint.state.metadata;
  if (const std::string expected = digest_of(bytes); metadata_at(checkpoint.state, kDigest) != expected) {
    corrupt("its digest does not match its content");
  }
  if (const std::string& format = metadata_at(checkpoint.state, kFormat); format != kFormatVersion) {
    corrupt(fmt::format("expected format {}, found '{}'", kFormatVersion, format));
  }
  const std::string& run = metadata_at(checkpoint.state, kRun);
  const std::int64_t trial = number(kTrial, metadata_at(checkpoint.state, kTrial));
  if (run != run_id_ || trial != trial_) {
    throw ForeignCheckpoint(
        ErrorKind::bad_data,
        fmt::format("checkpoint {} belongs to another child: expected run {} trial {}, found run {} "
                    "trial {}. Move it away, or use its own run directory.",
                    path.string(), run_id_, trial_, run, trial));
  }
  generation = number(kGeneration, metadata_at(checkpoint.state, kGeneration));
  for (auto it = metadata.begin(); it != metadata.end();) {
    if (it->first.starts_with(kCounter)) {
      checkpoint.counters[it->first.substr(kCounter.size())] = number(it->first, it->second);
    }
    it = it->first.starts_with(kReserved) ? metadata.erase(it) : std::next(it);
  }
  return checkpoint;
}

CheckpointStore::Slot CheckpointStore::read_slot(int slot) const {
  Slot result;
  try {
    result.checkpoint = verified(slot, result.generation);
    result.exists = true;
  } catch (const ForeignCheckpoint&) {
    throw;
  } catch (const Error& error) {
    result.exists = error.kind() != ErrorKind::missing;
    result.problem = fmt::format("checkpoint {} is unusable: {}", slot_path(slot).string(), error.what());
  }
  return result;
}

std::optional<LoadedCheckpoint> CheckpointStore::load() {
  Slot slots[2] = {read_slot(0), read_slot(1)};
  LoadedCheckpoint loaded;
  int best = -1;
  for (int i = 0; i < 2; ++i) {
    if (slots[i].checkpoint && (best < 0 || slots[i].generation > slots[best].generation)) {
      best = i;
    }
    if (slots[i].exists && !slots[i].checkpoint) {
      loaded.problems.push_back(slots[i].problem);
    }
  }
  scanned_ = true;
  if (best < 0) {
    if (!loaded.problems.empty()) {
      throw Error(ErrorKind::bad_data,
                  fmt::format("no whole checkpoint in {}: {}. Delete the directory to train this child "
                              "from the start.",
                              directory_.string(), fmt::join(loaded.problems, "; ")));
    }
    return std::nullopt;
  }
  newest_slot_ = best;
  newest_generation_ = slots[best].generation;
  loaded.path = slot_path(best);
  loaded.checkpoint = std::move(*slots[best].checkpoint);
  return loaded;
}

void CheckpointStore::save(Checkpoint checkpoint) {
  if (!scanned_) {
    scan();
  }
  TensorFile file = std::move(checkpoint.state);
  for (const auto& [key, value] : file.metadata) {
    check(!key.starts_with(kReserved), "checkpoint", "metadata key '" + key + "' is reserved");
  }
  const std::int64_t generation = newest_generation_ + 1;
  file.metadata[kFormat] = kFormatVersion;
  file.metadata[kRun] = run_id_;
  file.metadata[kTrial] = std::to_string(trial_);
  file.metadata[kGeneration] = std::to_string(generation);
  file.metadata[kDigest] = std::string(Sha256::kHexDigits, '0');
  for (const auto& [name, value] : checkpoint.counters) {
    file.metadata[std::string(kCounter) + name] = std::to_string(value);
  }
  Bytes bytes = serialize_tensors(file);
  const std::string digest = digest_of(bytes);
  std::copy(digest.begin(), digest.end(), digest_field(bytes).begin());
  const int slot = 1 - newest_slot_;
  write_file_atomic(slot_path(slot), bytes, ops_);
  newest_slot_ = slot;
  newest_generation_ = generation;
}

// Learns which generation is the newest. Where none is whole, both may be overwritten.
void CheckpointStore::scan() {
  try {
    load();
  } catch (const ForeignCheckpoint&) {
    throw;
  } catch (const Error&) {
    scanned_ = true;
  }
}

}  // namespace bnas
