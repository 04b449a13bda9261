#include "trainer/corpus/file_record.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "db/files/content_hash.h"

namespace crosslaw::trainer {
namespace {

nlohmann::json stamp_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return nullptr;
  return {{"size", status.st_size},
          {"modified_ns", status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec}};
}

}  // namespace

nlohmann::json file_record(const std::filesystem::path& file) {
  nlohmann::json record = stamp_of(file);
  if (record.is_null()) throw std::runtime_error(fmt::format("{}: no such file", file.string()));
  record["sha256"] = db::sha256_of_file(file);
  return record;
}

bool is_unchanged(const std::filesystem::path& file, const nlohmann::json& record) {
  const nlohmann::json stamp = stamp_of(file);
  if (stamp.is_null() || stamp["size"] != record.value("size", int64_t{-1})) return false;
  return stamp["modified_ns"] == record.value("modified_ns", int64_t{-1}) ||
         db::sha256_of_file(file) == record.value("sha256", "");
}

}  // namespace crosslaw::trainer
