// Runs a fuzz target over saved inputs, so that what the fuzzer once found stays tested by every compiler. The same
// target linked with libFuzzer (-Dfuzz=true) looks for new ones.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> inputs_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) inputs.push_back(entry.path());
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

/// The input whole, then every beginning of it: cut input is what a broken peer sends first.
void replay(const std::filesystem::path& path) {
  std::cout << path.filename().string() << std::endl;  // flushed: after a crash the last line names the input
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const std::size_t cuts = std::min<std::size_t>(bytes.size(), 1024);
  for (std::size_t size = 0; size <= cuts; ++size) {
    // A copy of exactly that size, so that reading one byte too far is seen by AddressSanitizer.
    const std::vector<std::uint8_t> input(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  const std::vector<std::uint8_t> whole(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(whole.data(), whole.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS-DIRECTORY\n";
    return 2;
  }
  const auto inputs = inputs_in(argv[1]);
  if (inputs.empty()) {
    std::cerr << "no inputs in " << argv[1] << '\n';
    return 1;
  }
  for (const auto& input : inputs) replay(input);
  return 0;
}
