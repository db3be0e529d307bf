// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::HasSubstr;

int files_in(const TestDirectory& directory) {
  const std::filesystem::directory_iterator files(directory.path());
  return static_cast<int>(std::distance(begin(files), end(files)));
}

TEST(AtomicFile, WritesAndReplaces) {
  const TestDirectory directory;
  for (const std::string content : {"first", "", "a much longer second content"}) {
    write_file_atomic(directory / "f", std::string_view(content));
    EXPECT_EQ(read_file(directory / "f", 100), to_bytes(content));
  }
  EXPECT_EQ(files_in(directory), 1);
}

TEST(AtomicFile, ShortWritesAreContinued) {
  const TestDirectory directory;
  const std::string content(1000, 'x');
  FaultyFileOps ops(1 << 30, EIO, false, true);
  write_file_atomic(directory / "f", std::string_view(content), ops);
  EXPECT_EQ(read_file(directory / "f", 1000), to_bytes(content));
}

// Every call of the operation fails in turn, until it passes without a fault.
TEST(AtomicFile, AnyFailureLeavesOldOrNewContent) {
  const Bytes before = to_bytes("old content");
  const Bytes after = to_bytes("new content, longer");
  for (const int error : {ENOSPC, EIO}) {
    for (const bool ever_after : {false, true}) {
      int call = 1;
      for (bool passed = false; !passed; ++call) {
        const TestDirectory directory;
        write_file_atomic(directory / "f", before);
        FaultyFileOps ops(call, error, ever_after);
        bool threw = false;
        try {
          write_file_atomic(directory / "f", after, ops);
        } catch (const Error& failure) {
          threw = true;
          EXPECT_EQ(failure.kind(), ErrorKind::io);
          EXPECT_THAT(failure.what(), HasSubstr((directory / "f").string()));
          EXPECT_THAT(failure.what(), HasSubstr("19 bytes"));
          EXPECT_THAT(failure.what(), HasSubstr(error == ENOSPC ? "disk full" : "Input/output error"));
        }
        const Bytes now = read_file(directory / "f", 100);
        EXPECT_TRUE(now == after || (threw && now == before)) << "call " << call;
        // What could not be deleted at once is deleted later.
        remove_temporary_files(directory.path());
        EXPECT_EQ(files_in(directory), 1);
        passed = !ops.failed();
        EXPECT_FALSE(passed && threw);
      }
      EXPECT_GT(call, 7);  // open, write, sync, close, rename, open and sync the directory
    }
  }
}

TEST(AtomicFile, OnlyTemporaryFilesAreRemoved) {
  const TestDirectory directory;
  put_bytes(directory / "model.safetensors.17-0.tmp", {1});
  put_bytes(directory / "model.safetensors", {2});
  std::filesystem::create_directory(directory / "folder.tmp");
  EXPECT_EQ(remove_temporary_files(directory.path()), 1);
  EXPECT_TRUE(std::filesystem::exists(directory / "model.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(directory / "folder.tmp"));
  EXPECT_EQ(error_of([&] { remove_temporary_files(directory / "absent"); }).kind(), ErrorKind::io);
}

TEST(AtomicFile, DirectoryMustExist) {
  const TestDirectory directory;
  EXPECT_EQ(error_of([&] { write_file_atomic(directory / "absent/f", std::string_view("x")); }).kind(), ErrorKind::io);
}

TEST(ReadFile, RefusesWhatIsNoFileOrTooLarge) {
  const TestDirectory directory;
  put_bytes(directory / "ten", Bytes(10));
  EXPECT_EQ(read_file(directory / "ten", 10).size(), 10U);
  const Error large = error_of([&] { read_file(directory / "ten", 9); });
  EXPECT_EQ(large.kind(), ErrorKind::bad_data);
  EXPECT_THAT(large.what(), HasSubstr("at most 9 bytes, found 10"));
  EXPECT_EQ(error_of([&] { read_file(directory / "absent", 9); }).kind(), ErrorKind::missing);
  EXPECT_EQ(error_of([&] { read_file(directory.path(), 9); }).kind(), ErrorKind::bad_data);
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { read_file(directory / "pipe", 9); }).kind(), ErrorKind::bad_data);  // and does not wait
}

}  // namespace
}  // namespace bnas
