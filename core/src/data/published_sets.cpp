// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/published_sets.hpp"

#include <array>

namespace bnas {
namespace {

using Urls = std::vector<std::string>;

constexpr std::array<const char*, 4> kIdxNames = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                  "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

struct IdxFile {
  const char* content_sha256;
  std::uint64_t gzip_bytes;
  const char* gzip_sha256;
};

/// A set of four IDX files in the order of kIdxNames, downloaded one by one from folders at `mirrors`.
PublishedSet idx_set(const char* name, const char* description, const char* how_to_get,
                     const std::array<IdxFile, 4>& files, const Urls& mirrors) {
  PublishedSet set{name, description, how_to_get, SetFormat::idx, 10, {name}, {}, {}, {}};
  for (std::size_t i = 0; i < files.size(); ++i) {
    (i < 2 ? set.train : set.test).push_back({kIdxNames[i], files[i].content_sha256});
    PublishedDownload download{std::string(kIdxNames[i]) + ".gz", files[i].gzip_bytes, files[i].gzip_sha256, {}};
    for (const std::string& mirror : mirrors) {
      download.urls.push_back(mirror + download.name);
    }
    set.downloads.push_back(std::move(download));
  }
  return set;
}

// Contents: those of MNIST and CIFAR-10 belong to files whose MD5 sums are the published ones; those of Fashion-MNIST
// to Debian's package 0.0~git20200523. Downloads: the files of the sets' authors.
std::vector<PublishedSet> make_sets() {
  return {
      idx_set("fashion-mnist", "60,000 + 10,000 grey images 28x28 of 10 kinds of clothing (Xiao, Rasul, Vollgraf 2017)",
              "run bnas_data fetch fashion-mnist, or install the Debian package dataset-fashion-mnist",
              {{{"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 26'421'880,
                 "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
                {"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 29'515,
                 "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
                {"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 4'422'102,
                 "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
                {"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 5'148,
                 "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}}},
              {"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
               "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}),
      idx_set(
          "mnist", "60,000 + 10,000 grey images 28x28 of handwritten digits (LeCun, Cortes, Burges)",
          "run bnas_data fetch mnist, or put its four IDX files, plain, .gz or .xz, into $BNAS_DATA_DIR/mnist or "
          "into the folder that data_dir names",
          {{{"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 9'912'422,
             "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
            {"65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 28'881,
             "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
            {"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 1'648'877,
             "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
            {"ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 4'542,
             "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}}},
          {"https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"}),
      {"cifar-10",
       "50,000 + 10,000 colour images 32x32 of 10 classes (Krizhevsky 2009)",
       "run bnas_data fetch cifar-10, or put the files of its binary version, plain, .gz or .xz, into "
       "$BNAS_DATA_DIR/cifar-10 or into the folder that data_dir names",
       SetFormat::cifar10,
       10,
       {"cifar-10", "cifar-10-batches-bin"},
       {{"data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
        {"data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
        {"data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
        {"data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
        {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"}},
       {{"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"}},
       {{"cifar-10-binary.tar.gz",
         170'052'171,
         "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
         {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
          "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz"}}}},
      {"cifar-100",
       "50,000 + 10,000 colour images 32x32 of 100 classes (Krizhevsky 2009)",
       "run bnas_data fetch cifar-100, or put train.bin and test.bin of its binary version, plain, .gz or .xz, into "
       "$BNAS_DATA_DIR/cifar-100 or into the folder that data_dir names",
       SetFormat::cifar100,
       100,
       {"cifar-100", "cifar-100-binary"},
       {{"train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"}},
       {{"test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"}},
       {{"cifar-100-binary.tar.gz",
         168'513'733,
         "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
         {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"}}}},
  };
}

}  // namespace

std::span<const PublishedSet> published_sets() {
  static const std::vector<PublishedSet> sets = make_sets();
  return sets;
}

const PublishedSet* find_published_set(const std::string& name) {
  for (const PublishedSet& set : published_sets()) {
    if (set.name == name) {
      return &set;
    }
  }
  return nullptr;
}

}  // namespace bnas
