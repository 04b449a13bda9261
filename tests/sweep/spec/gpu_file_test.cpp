#include "sweep/spec/gpu_file.h"

#include <fstream>
#include <sstream>

#include "sweep/spec/spec_error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

const std::filesystem::path kPreset = "sweep/presets/gpus.toml";

std::string preset_text() {
  std::stringstream text;
  text << std::ifstream(kPreset).rdbuf();
  return text.str();
}

// The preset with one piece of text replaced, in a folder of its own.
struct EditedGpus {
  tests::TempFolder folder;
  std::filesystem::path file = folder.path() / "gpus.toml";

  EditedGpus(const std::string& from, const std::string& to) {
    std::string text = preset_text();
    text.replace(text.find(from), from.size(), to);
    std::ofstream(file) << text;
  }
};

std::string refusal(const std::filesystem::path& file) {
  try {
    read_gpu_file(file);
  } catch (const SpecError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("each GPU of the preset has peaks with a source and a price with source and date") {
  const auto kinds = read_gpu_file(kPreset);
  REQUIRE(kinds.size() == 4);
  for (const GpuKind& kind : kinds) {
    INFO(kind.name);
    CHECK(kind.speed.matrix_flops > 1e14);
    CHECK(kind.speed.memory_bytes_a_second > 1e12);
    CHECK(kind.memory_bytes >= 80e9);
    CHECK(kind.dollars_an_hour > 0);
    CHECK_FALSE(kind.source.empty());
    CHECK_FALSE(kind.price_source.empty());
    CHECK(kind.price_date.size() == std::string("2026-09-20").size());
  }
  // NVIDIA's data sheets, dense.
  CHECK(gpu_kind(kinds, "a100", kPreset).speed.matrix_flops == 312e12);
  CHECK(gpu_kind(kinds, "h200", kPreset).speed.memory_bytes_a_second == 4.8e12);
}

TEST_CASE("a GPU that the file lacks is answered by those that it has") {
  const auto kinds = read_gpu_file(kPreset);
  CHECK_THROWS_WITH(gpu_kind(kinds, "h1000", kPreset),
                    has_text("a100, b200, h100, h200") && has_text("--gpus-file"));
}

TEST_CASE("a file of GPUs is refused with line and key") {
  const EditedGpus mistyped("memory_bytes = 80e9", "memory_byte = 80e9");
  CHECK_THAT(refusal(mistyped.file), has_text("memory_byte"));
  const EditedGpus negative("dollars_an_hour = 2.79", "dollars_an_hour = -1");
  CHECK_THAT(refusal(negative.file), has_text("dollars_an_hour") && has_text("-1"));
  const EditedGpus zero("bf16_flops = 312e12", "bf16_flops = 0");
  CHECK_THAT(refusal(zero.file), has_text("bf16_flops") && has_text("positive"));
  const EditedGpus words("gpus_a_node = 8", "gpus_a_node = \"eight\"");
  CHECK_THAT(refusal(words.file), has_text("gpus_a_node"));
  CHECK_THAT(refusal("/nowhere/gpus.toml"), has_text("no such file"));
}

}  // namespace crosslaw::sweep
