// SPDX-License-Identifier: Apache-2.0
#include "cli/fetch.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"
#include "cli/download.hpp"
#include "core/file_helpers.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes tar_gz(const std::vector<std::pair<std::string, Bytes>>& members) {
  Bytes out(1 << 20);
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_ustar(writer);
  EXPECT_EQ(archive_write_open_memory(writer, out.data(), out.size(), &used), ARCHIVE_OK);
  for (const auto& [name, content] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_free(writer);
  out.resize(used);
  return out;
}

PublishedFile published(const std::string& name, const Bytes& content) { return {name, sha256_hex(content)}; }

class Fetch : public ::testing::Test {
 protected:
  void fetch(const std::vector<std::string>& mirrors = {}) {
    fetch_dataset(
        set_, directory_ / "set", mirrors,
        [&](const std::string& url, std::uint64_t max_bytes) {
          asked_.push_back(url);
          if (!served_.contains(url)) {
            throw Error(ErrorKind::missing, url + ": no route to host");
          }
          EXPECT_EQ(max_bytes, set_.downloads[0].bytes);
          return served_.at(url);
        },
        [&](const std::string& problem) { problems_.push_back(problem); });
  }
  Bytes stored(const std::string& name) const { return read_file(directory_ / "set" / name, 1 << 20); }
  bool nothing_stored() const { return fs::is_empty(directory_ / "set"); }

  TestDirectory directory_;
  const Bytes content_ = to_bytes("the images");
  PublishedSet set_{"set",
                    "",
                    "",
                    SetFormat::idx,
                    10,
                    {"set"},
                    {},
                    {},
                    {{"a.gz", 10, sha256_hex(content_), {"https://one/a.gz", "https://two/a.gz"}}}};
  std::map<std::string, Bytes> served_;
  std::vector<std::string> asked_;
  std::vector<std::string> problems_;
};

TEST_F(Fetch, TheNextMirrorIsAskedAfterAnyMismatch) {
  served_["https://one/a.gz"] = to_bytes("<html>sorr");
  served_["https://two/a.gz"] = content_;
  fetch();
  EXPECT_EQ(stored("a.gz"), content_);
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("https://one/a.gz: expected SHA-256 " + sha256_hex(content_))));
}

TEST_F(Fetch, OwnMirrorsAreAskedFirst) {
  served_["http://own/data/a.gz"] = content_;
  fetch({"http://own/data"});
  EXPECT_THAT(asked_, ElementsAre("http://own/data/a.gz"));
}

TEST_F(Fetch, WithoutANetworkTheErrorSaysWhereToPutTheFiles) {
  const Error error = error_of([&] { fetch(); });
  EXPECT_EQ(error.kind(), ErrorKind::missing);
  EXPECT_THAT(error.what(), HasSubstr("put it into " + (directory_ / "set").string()));
  EXPECT_EQ(problems_.size(), 2U);
  EXPECT_TRUE(nothing_stored());
}

TEST_F(Fetch, ArchivesGiveTheirPublishedMembersAlone) {
  const Bytes train = to_bytes("train"), test = to_bytes("test");
  set_.train = {published("train.bin", train)};
  set_.test = {published("test.bin", test)};
  const Bytes archive = tar_gz({{"../../escape", to_bytes("x")}, {"/set/train.bin", train}, {"set/test.bin", test}});
  set_.downloads = {{"set.tar.gz", archive.size(), sha256_hex(archive), {"https://one/set.tar.gz"}}};
  served_["https://one/set.tar.gz"] = archive;
  fetch();
  EXPECT_EQ(stored("train.bin"), train);
  EXPECT_EQ(stored("test.bin"), test);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "set"), {}), 2);
  EXPECT_FALSE(fs::exists(directory_.path().parent_path() / "escape"));
}

TEST_F(Fetch, DamagedArchivesAreRefused) {
  const Bytes train = to_bytes("train");
  const std::vector<PublishedFile> files = {published("train.bin", train)};
  const Bytes whole = tar_gz({{"train.bin", train}});
  EXPECT_EQ(unpack(whole, files, "a")[0], train);
  for (std::size_t length = 0; length + 8 < whole.size(); ++length) {  // the last 8 bytes are gzip's own check
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(error_of([&] { unpack(part, files, "a"); }).kind(), ErrorKind::bad_data) << length;
  }
  EXPECT_THAT(error_of([&] {
                unpack(tar_gz({{"other", train}}), files, "a");
              }).what(),
              HasSubstr("train.bin is not the published one"));
  EXPECT_EQ(error_of([&] {
              unpack(tar_gz({{"train.bin", to_bytes("trAin")}}), files, "a");
            }).kind(),
            ErrorKind::bad_data);
}

TEST(DownloadTest, TakesNoMoreThanExpected) {
  const TestDirectory directory;
  put_bytes(directory / "a", to_bytes("0123456789"));
  const std::string url = "file://" + (directory / "a").string();
  EXPECT_EQ(download(url, 10, {}), to_bytes("0123456789"));
  EXPECT_THAT(error_of([&] { download(url, 9, {}); }).what(), HasSubstr("longer than the 9 bytes"));
  EXPECT_EQ(error_of([&] { download(url + "b", 9, {}); }).kind(), ErrorKind::missing);
  EXPECT_EQ(error_of([&] { download("ftp://127.0.0.1/a", 9, {}); }).kind(), ErrorKind::missing);
}

}  // namespace
}  // namespace bnas::cli
