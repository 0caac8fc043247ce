// Writes what became of every test case to a file, so that scripts/test can count cases and not executables;
// the console output stays Catch2's own. Linked whole into every test program (catch_dep).
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include <unistd.h>
#include <catch2/catch.hpp>

#include "support/skip.hpp"

namespace {

std::string& pending_skip() {
  static std::string reason;  // one per process: Catch2 runs cases one after another on one thread
  return reason;
}

class CaseCounter final : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    TestEventListenerBase::testCaseStarting(info);
    pending_skip().clear();
    write("started", info.name);
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const bool skipped = !pending_skip().empty();
    const bool passed = stats.totals.assertions.allOk();
    write(!passed ? "failed" : skipped ? "skipped" : "passed", stats.testInfo.name);
  }

 private:
  /// Flushed line by line: after a crash the case that has started and not ended is the one that crashed.
  static void write(const char* what, const std::string& name) {
    const char* directory = std::getenv("EVMESH_CASES_DIR");
    if (directory == nullptr) return;
    const std::string path = std::string(directory) + '/' + program_invocation_short_name + '.' +
                             std::to_string(getpid()) + ".cases";
    std::ofstream(path, std::ios::app) << what << '\t' << name << '\n';
  }
};

CATCH_REGISTER_LISTENER(CaseCounter)

}  // namespace

namespace evmesh::support {

bool skips_are_failures() {
  const char* value = std::getenv("EVMESH_NO_SKIP");
  return value != nullptr && std::string(value) == "1";
}

void note_skip(const std::string& reason) {
  pending_skip() = reason;
  std::cout << "SKIPPED (" << reason << ")\n";
}

}  // namespace evmesh::support
