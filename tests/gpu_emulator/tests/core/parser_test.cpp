// SPDX-License-Identifier: Apache-2.0
// What is not PTX, or not supported, must be told with its line; nothing may crash or hang.
#include <random>

#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

std::string text_of(const std::string& name) {
  std::ifstream file(std::string(BNAS_PTX_DIRECTORY) + "/" + name + ".ptx");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Loads and decodes whatever the text offers. Launches of no arguments never run: they end when they are checked.
void decode_all(const std::string& text) {
  const std::unique_ptr<Module> module = Module::load(text);
  Device device;
  for (const std::string& name : module->kernels()) {
    Launch l;
    l.module = module.get();
    l.kernel = name;
    for (const KernelParameter& p : module->kernel(name)->parameters) {
      l.parameters.emplace_back(p.bytes, 0);
    }
    device.options.instruction_budget = 10'000;
    execute(l, device.memory, device.options);
  }
}

TEST(Parser, KernelsOfAText) {
  const Module& module = compiled("bugs");
  EXPECT_GT(module.kernels().size(), 20U);
  const KernelInfo* info = module.kernel("copy_ints");
  ASSERT_NE(info, nullptr);
  ASSERT_EQ(info->parameters.size(), 2U);
  EXPECT_EQ(info->parameters[1].offset, 8U);
  EXPECT_EQ(info->parameters[1].bytes, 8U);
  EXPECT_EQ(info->parameter_bytes, 16U);
  EXPECT_EQ(module.kernel("shared_race")->static_shared_bytes, 512U);
  EXPECT_GE(module.kernel("uninitialized_local")->local_bytes, 64U);
  EXPECT_EQ(module.kernel("absent"), nullptr);
}

TEST(Parser, TruncatedAnywhere) {
  // One kernel, so that whatever is cut off is missed.
  const std::string whole = instruction_module("add.u32 %d32, %a32, %b32;");
  const std::size_t end = whole.rfind('}');
  for (std::size_t length = 0; length <= end; length += 7) {
    EXPECT_THROW(decode_all(whole.substr(0, length)), PtxError) << "at byte " << length;
  }
  // Whole files: what is before the cut may be complete.
  for (const std::string name : {"bugs", "control", "memory"}) {
    const std::string text = text_of(name);
    for (std::size_t length = 97; length < text.size(); length += 97 * 8) {
      try {
        Module::load(text.substr(0, length));
      } catch (const PtxError& error) {
        EXPECT_NE(std::string(error.what()), "");
      }
    }
  }
}

TEST(Parser, RandomBytesInTheText) {
  const std::string whole = instruction_module("mad.wide.u32 %d64, %a32, %b32, %c64; @%p bra DONE;");
  const std::string noise = "{}[]();,.:%@!<>|+-0123456789abcdef\"/*\n ";
  std::mt19937 random(21);
  for (int round = 0; round < 2000; ++round) {
    std::string text = whole;
    for (int k = 0; k < 3; ++k) {
      text[random() % text.size()] = noise[random() % noise.size()];
    }
    try {
      decode_all(text);
    } catch (const PtxError&) {
      // as it should
    }
  }
}

TEST(Parser, WhatIsNotSupportedIsNamed) {
  const auto expect_refused = [](const std::string& instruction) {
    Device device;
    const std::unique_ptr<Module> module = Module::load(instruction_module(instruction));
    const LaunchResult result = launch(device, *module, "k", {{}, {32}}, std::uint64_t{0}, std::uint64_t{0}, 0U);
    EXPECT_EQ(result.end, LaunchResult::End::unsupported) << instruction;
    EXPECT_NE(result.what.find(instruction.substr(0, instruction.find(' '))), std::string::npos) << result.what;
    EXPECT_NE(result.what.find("PTX line"), std::string::npos) << result.what;
  };
  expect_refused("wgmma.fence.sync.aligned;");
  expect_refused("mbarrier.init.shared.b64 [%t64], 1;");
  expect_refused("cp.async.bulk.wait_group 0;");
  expect_refused("tex.2d.v4.f32.s32 {%d32, %d32, %d32, %d32}, [%t64, {%a32, %b32}];");
  expect_refused("barrier.cluster.arrive;");
  expect_refused("cvt.rn.satfinite.e4m3x2.f32 %d16, %a32, %b32;");
  expect_refused(
      "mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 {%d32,%d32,%d32,%d32},{%a32,%a32,%a32,%a32},"
      "{%b32,%b32},{%c32,%c32,%c32,%c32};");
  expect_refused("red.global.add.v2.f32 [%base], {%a32, %b32};");
  expect_refused("add.u32 %d32, %a64, %b32;");
  expect_refused("add.u32 %d32, %a32, %missing;");
  expect_refused("add.u32 %d32, %a32;");
}

TEST(Parser, ErrorsCarryTheirLine) {
  const auto line_of = [](const std::string& text) {
    try {
      decode_all(text);
    } catch (const PtxError& error) {
      return error.line();
    }
    return -1;
  };
  EXPECT_EQ(line_of(".version 8.0\n.target sm_80\nnonsense"), 3);
  EXPECT_EQ(line_of(".version 8.0\n.global .u32 x[2] = {1,\n 2, 3};"), 3);
  EXPECT_EQ(line_of(".version 8.0\n/* never ends"), 2);
  EXPECT_EQ(line_of(""), 0);
}

TEST(Parser, RecursionIsRefusedWhereItIsUsed) {
  const std::string text =
      ".version 8.0\n.target sm_80\n.address_size 64\n"
      ".func f (.param .b32 x) { { .param .b32 p; call.uni f, (p); } ret; }\n"
      ".visible .entry recursive() { { .param .b32 p; call.uni f, (p); } ret; }\n"
      ".visible .entry plain() { ret; }\n";
  Device device;
  const std::unique_ptr<Module> module = Module::load(text);
  EXPECT_EQ(launch(device, *module, "plain", {}).end, LaunchResult::End::ok);
  const LaunchResult result = launch(device, *module, "recursive", {});
  EXPECT_EQ(result.end, LaunchResult::End::unsupported);
  EXPECT_NE(result.what.find("recursion"), std::string::npos) << result.what;
}

TEST(Parser, InitialValues) {
  const std::unique_ptr<Module> module = Module::load(
      ".version 8.0\n.target sm_80\n.address_size 64\n"
      ".global .align 4 .u32 words[4] = {1, 0x10, 0b11, 07};\n"
      ".const .align 4 .f32 numbers[2] = {0f3F800000, 0fC0000000};\n"
      ".global .align 1 .b8 text[3] = {104, 105, 0};\n"
      ".global .align 8 .u64 pointers[2] = {generic(words)+8, text};\n");
  const auto* words = static_cast<std::uint32_t*>(module->variable("words"));
  EXPECT_EQ((std::vector<std::uint32_t>{words, words + 4}), (std::vector<std::uint32_t>{1, 16, 3, 7}));
  const auto* numbers = static_cast<float*>(module->variable("numbers"));
  EXPECT_EQ(numbers[0], 1.0F);
  EXPECT_EQ(numbers[1], -2.0F);
  EXPECT_STREQ(static_cast<char*>(module->variable("text")), "hi");
  void** pointers = static_cast<void**>(module->variable("pointers"));
  EXPECT_EQ(pointers[0], words + 2);
  EXPECT_EQ(pointers[1], module->variable("text"));
}

}  // namespace
}  // namespace bnas::emu::test
