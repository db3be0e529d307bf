// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace bnas::cli {

/// A run directory held for writing: the lock lives as long as the object, and dies with the process.
class RunDirectory {
 public:
  /// For a new search: makes the directory with its folders and writes config.toml. locked Error when another process
  /// holds it or it already holds a run.
  static RunDirectory create(const std::filesystem::path& root, const std::string& config_toml);
  /// For resume: missing Error when there is no run, locked Error when another process holds it.
  static RunDirectory open(const std::filesystem::path& root);

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path config() const { return root_ / "config.toml"; }
  std::filesystem::path store() const { return root_ / "run.sqlite"; }
  std::filesystem::path checkpoints() const { return root_ / "checkpoints"; }
  std::filesystem::path best() const { return root_ / "best"; }
  std::filesystem::path earlier_surrogate() const { return root_ / "earlier-surrogate.json"; }
  std::filesystem::path log() const { return root_ / "logs" / "search.log"; }

 private:
  explicit RunDirectory(std::filesystem::path root);

  std::filesystem::path root_;
  int lock_ = -1;
};

/// runs/NAME-N with the smallest N >= 1 that does not exist.
std::filesystem::path fresh_run_directory(const std::string& name);
/// The quick refusals of RunDirectory::create, before anything is loaded: locked Errors.
/// `resume` goes on with a run: "bnas_search resume".
void refuse_taken(const std::filesystem::path& root, const std::string& resume = "bnas_search resume");
/// Who holds the run directory, "process 123 on host since 2026-11-22T01:13:00Z", or "" when nobody does.
std::string run_holder(const std::filesystem::path& root);
/// io Error when the file system of `root` has less than `bytes` left.
void require_free_space(const std::filesystem::path& root, double bytes);
/// Bytes of all regular files below `root`.
double directory_bytes(const std::filesystem::path& root);

}  // namespace bnas::cli
