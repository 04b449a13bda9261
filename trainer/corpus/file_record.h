#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace crosslaw::trainer {

// What the manifest knows a file by: size, modified_ns and sha256. Throws std::runtime_error when
// it is not there.
nlohmann::json file_record(const std::filesystem::path& file);

// Whether the file is there and is that of the record. Size and date tell cheaply that it is; of a
// copied or checked-out file, which has another date, the hash does.
bool is_unchanged(const std::filesystem::path& file, const nlohmann::json& record);

}  // namespace crosslaw::trainer
