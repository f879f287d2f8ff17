{
  "targets": [
    {
      "target_name": "specdecpp",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(PRODUCT_DIR)/specdecpp.node"],
          "action": ["node", "scripts/build/main.mjs"]
        }
      ]
    }
  ]
}
