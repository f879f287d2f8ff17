import type { BackendStatus, Device } from "../../lib";
import { cli, draft, json, pair } from "./cli";

// A Vulkan loader, if there is one, finds no driver there.
const env = { VK_DRIVER_FILES: "/nowhere.json", VK_ICD_FILENAMES: "/nowhere.json" };

test("devices lists the processor, and says why a GPU is not used and what to do", () => {
  const result = cli(["devices", "--json"], { env });
  expect(result).toMatchObject({ status: 0, stderr: "" });
  const { devices, backends } = json<{ devices: Device[]; backends: BackendStatus[] }>(result);
  expect(devices).toContainEqual(expect.objectContaining({ name: "CPU", type: "cpu" }));
  const vulkan = backends.find(({ backend }) => backend === "Vulkan");
  expect(vulkan).toMatchObject({ usable: false });
  expect(`${vulkan?.reason ?? ""}: ${vulkan?.remedy ?? ""}`).toMatch(
    /finds no dri.*: .*driver|finds no device: .*driver|libvulkan\.so\.1: .*libvulkan1|not installed/,
  );
  const text = cli(["devices"], { env }).stdout;
  expect(text).toMatch(/^CPU +cpu/m);
  expect(text).toContain(`Vulkan: not used: ${vulkan?.reason ?? "?"}.\n  ${vulkan?.remedy ?? "?"}`);
});

test("--devices and --draft-devices choose a model's devices; those there are stand in the error", () => {
  const text = ["--prompt", "1, 2", "--max-tokens", "2"];
  const onCpu = ["--devices", "CPU", "--draft-devices", "CPU"];
  expect(cli(["generate", ...pair, ...text, ...onCpu], { env })).toMatchObject({ status: 0 });
  const wrong = cli(["generate", ...pair, ...text, "--draft-devices", "CUDA7"], { env });
  expect(wrong.status).toBe(1);
  expect(wrong.stderr).toMatch(/ERR_NO_DEVICE.*"CUDA7".*there is: .*CPU/);
  const noDraft = cli(["generate", "--target", draft, ...text, "--draft-devices", "CPU"], { env });
  expect(noDraft.status).toBe(2);
});
