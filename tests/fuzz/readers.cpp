// SPDX-License-Identifier: Apache-2.0
#include "fuzz/readers.hpp"

#include <zlib.h>

#include <array>
#include <numeric>

#include "bnas/core/data/cifar.hpp"
#include "bnas/core/data/idx.hpp"
#include "bnas/core/data/image_file.hpp"
#include "bnas/core/io/checkpoint.hpp"
#include "bnas/core/io/safetensors.hpp"
#include "bnas/nas/differentiable/darts_genotype.hpp"
#include "bnas/nas/differentiable/reduction.hpp"
#include "bnas/nas/history_file.hpp"
#include "bnas/nas/representation.hpp"
#include "bnas/nas/surrogate_record.hpp"
#include "cli/config_file.hpp"
#include "cli/options.hpp"
#include "core/pictures.hpp"
#include "support/scratch.hpp"

namespace bnas::fuzz {
namespace {

using test::Scratch;

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }
Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// A file that holds `bytes`, in a directory that lives as long as the program.
std::filesystem::path file_of(const std::string& name, std::span<const std::uint8_t> bytes) {
  static const Scratch scratch;
  const std::filesystem::path path = scratch.path() / name;
  std::filesystem::create_directories(path.parent_path());
  test::spill(path, text_of(bytes));
  return path;
}

Bytes gzipped(const Bytes& content) {
  const std::filesystem::path path = file_of("sample.gz", {});
  const gzFile file = gzopen(path.c_str(), "wb9");
  gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
  gzclose(file);
  return bytes_of(test::slurp(path));
}

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

Reader idx() {
  Bytes images{0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6};
  const Bytes pixels = counting(4 * 5 * 6);
  images.insert(images.end(), pixels.begin(), pixels.end());
  const Bytes labels{0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 1};
  const Bytes packed = gzipped(images);
  return {.name = "idx", .samples = {images, packed}, .read = [labels](std::span<const std::uint8_t> bytes) {
            read_idx(file_of("images.idx", bytes), file_of("labels.idx", labels), 3);
          }};
}

Reader cifar() {
  Bytes records = counting(2 * 3073);
  records[0] = records[3073] = 3;
  return {.name = "cifar", .samples = {records, gzipped(records)}, .read = [](std::span<const std::uint8_t> bytes) {
            const std::array files{file_of("batch.bin", bytes)};
            read_cifar(files, CifarKind::cifar10);
          }};
}

Reader picture() {
  return {.name = "picture",
          .samples = {png_file(7, 5, PNG_FORMAT_RGB, counting(7 * 5 * 3)),
                      png_file(9, 4, PNG_FORMAT_GRAY, counting(9 * 4)), jpeg_file(16, 12, counting(16 * 12 * 3))},
          .words = {"IHDR", "IDAT", "PLTE", "tRNS", "\xff\xd8", "\xff\xc4", "\xff\xda"},
          .read = [](std::span<const std::uint8_t> bytes) {
            resized_square(decode_image(bytes, 3, "picture", {.side = 512, .pixels = 1 << 16}), 8);
          }};
}

TensorFile tensors() {
  TensorFile file;
  file.tensors["a.weights"] = {StoredType::f32, {2, 3}, Bytes(24)};
  file.tensors["a.bits"] = {StoredType::u8, {5}, counting(5)};
  file.tensors["step"] = {StoredType::i64, {}, Bytes(8)};
  file.metadata["genotype"] = "[-1, '3x3 bconv']";
  return file;
}

Reader safetensors() {
  return {.name = "safetensors",
          .samples = {serialize_tensors(tensors())},
          .words = {"\"F32\"", "\"shape\":[", "4294967296,", "-1", "18446744073709551615", "{", "[", "\\u0000"},
          .read = [](std::span<const std::uint8_t> bytes) { parse_tensors(bytes, "file"); }};
}

Reader checkpoint() {
  const Scratch scratch;
  Checkpoint state{tensors(), {{"epoch", 3}}};
  CheckpointStore(scratch.path(), "run", 1).save(state);
  return {.name = "checkpoint",
          .samples = {bytes_of(test::slurp(scratch.path() / "checkpoint-A.safetensors"))},
          .words = {"\"bnas.", "sha256", "generation"},
          .read = [](std::span<const std::uint8_t> bytes) {
            const std::filesystem::path path = file_of("checkpoints/checkpoint-A.safetensors", bytes);
            CheckpointStore(path.parent_path(), "run", 1).load();
          }};
}

Reader config() {
  return {.name = "config",
          .samples = {bytes_of(cli::config_to_toml(cli::Config{}, true))},
          .words = {"[[", "]]", "\"\"\"", "1e999", "0x7fffffffffffffff", "inf", "nan", "= {", "[surrogate]\n", "\n"},
          .read = [](std::span<const std::uint8_t> bytes) {
            cli::Config read;
            cli::Origins origins;
            cli::read_config_text(read, origins, text_of(bytes), "run.toml", "/");
          }};
}

Reader history() {
  return {.name = "history",
          .samples = {bytes_of("0.91,-1,3x3 bconv,-2,linear\r\n0.92,-1,3x3 bconv,-2,linear,0,linear,0,5x5 bconv\r\n"),
                      bytes_of("0.5,0,\"1x7, 7x1\",0,linear\n\n0.25,0,linear,0,linear\n")},
          .words = {"\"", ",", "\r\n", "nan", "1e400", "-9", "linear"},
          .read = [](std::span<const std::uint8_t> bytes) {
            const nas::History read = nas::parse_history(text_of(bytes), "train_history.csv");
            if (!read.rows.empty()) {
              nas::cells_of(read, nas::SearchSpace(nas::space_of(read)));
            }
          }};
}

nas::SpaceConfig space() { return nas::SpaceConfig::pnas({"3x3 bconv", "5x5 bconv", "linear"}, 3); }

Reader cell() {
  return {.name = "cell",
          .samples = {bytes_of("[-2, '3x3 bconv', -1, 'linear', 0, '5x5 bconv', -1, 'linear']")},
          .words = {"'", "\"", ",", "-3", "99999999999", "linear", "[", "]"},
          .read = [](std::span<const std::uint8_t> bytes) {
            const nas::SearchSpace cells(space());
            cells.canonical(cells.parse(text_of(bytes)));
          }};
}

Reader representation() {
  return {.name = "representation",
          .samples = {bytes_of("[[1. 0. 0. 0.]] [[0. 0. 4.]] [[0. 1. 0. 0.]] [[0. 2. 0.]]")},
          .words = {"[[", "]]", "1e99", "nan", "-1.", " ", "\n", ","},
          .read = [](std::span<const std::uint8_t> bytes) {
            nas::parse_representation(text_of(bytes), nas::SearchSpace(space()));
          }};
}

Reader darts_genotype() {
  const std::string cell = "[sep_conv_3x3(1)+skip_connect(0)|dil_conv_3x3(2)|max_pool_3x3(0)+none(3)|none(4)]";
  return {.name = "darts_genotype",
          .samples = {bytes_of("normal" + cell + " reduce" + cell)},
          .words = {"(", ")", "+", "|", "reduce", "none", "99999999999"},
          .read = [](std::span<const std::uint8_t> bytes) {
            const nas::DartsGenotype read = nas::DartsGenotype::parse(text_of(bytes));
            nas::draw_dot(read);
            nas::draw_svg(read);
          }};
}

Reader surrogate_record() {
  const nas::SearchSpace cells(space());
  nas::SurrogateRecord record;
  record.space = space();
  record.cells = cells.first();
  record.rewards.assign(record.cells.size(), 0.5);
  return {.name = "surrogate_record",
          .samples = {bytes_of(nas::to_json(record))},
          .words = {"null", "1e999", "-1", "[", "{", "\"blocks\":", "\"kind\":", "true"},
          .read = [](std::span<const std::uint8_t> bytes) {
            nas::parse_surrogate_record(text_of(bytes), "surrogate.json");
          }};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

Reader reduction_journal() {
  constexpr int kOperations = 3;
  nas::ArchitectureValues values;
  for (auto& cell : values) {
    for (auto& edge : cell.alpha) {
      edge.assign(kOperations, 0.0);
    }
  }
  const auto reduction = nas::Reduction::make({}, kOperations);
  reduction->begin_round(values);
  while (reduction->next_trial()) {
    reduction->tell(0.5);
  }
  reduction->finish_round();
  std::string journal;
  for (const std::string& line : reduction->journal()) {
    journal += line + "\n";
  }
  return {.name = "reduction_journal",
          .samples = {bytes_of(journal)},
          .words = {"null", "1e999", "-1", "[[", "{", "\"event\":\"trial\"", "\"score\":", "\n"},
          .read = [](std::span<const std::uint8_t> bytes) {
            nas::Reduction::replay({}, kOperations, lines_of(text_of(bytes)));
          }};
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> all{
      idx(),     cifar(), picture(),        safetensors(),    checkpoint(),       config(),
      history(), cell(),  representation(), darts_genotype(), surrogate_record(), reduction_journal()};
  return all;
}

}  // namespace bnas::fuzz
